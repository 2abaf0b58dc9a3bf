import { S3Error } from './errors.ts';
import type { RetentionMode } from './settings.ts';

/** Throws InvalidArgument for anything else. */
export function retentionMode(text: string): RetentionMode {
  if (text === 'GOVERNANCE' || text === 'COMPLIANCE') return text;
  throw new S3Error('InvalidArgument', 'Unknown wormMode directive.');
}
