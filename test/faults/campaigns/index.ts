import type { Campaign } from '../campaign.ts';
import { acceptance } from './acceptance.ts';
import { cache } from './cache.ts';
import { database } from './database.ts';
import { deaths } from './deaths.ts';
import { deploy } from './deploy.ts';
import { hostileFiles } from './files.ts';
import { mix } from './mix.ts';
import { objects } from './objects.ts';
import { privacy } from './privacy.ts';
import { provider } from './provider.ts';
import { queues } from './queues.ts';
import { races } from './races.ts';

/** In the order in which they are run. What stands in the matrix and not here, and why, is in docs/reliability.md. */
export const campaigns: readonly Campaign[] = [
  ...acceptance,
  ...queues,
  ...deaths,
  ...provider,
  ...database,
  ...cache,
  ...objects,
  ...hostileFiles,
  ...races,
  ...privacy,
  ...mix,
  ...deploy,
];
