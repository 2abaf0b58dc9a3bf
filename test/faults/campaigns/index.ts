import type { Campaign } from '../campaign.ts';
import { deaths } from './deaths.ts';

/** In the order in which they are run. */
export const campaigns: readonly Campaign[] = [...deaths];
