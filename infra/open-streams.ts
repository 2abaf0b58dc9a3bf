import type { StageSettings } from './stage-settings.ts';

/** Of the environments that stream. A watcher holds one for a minute, and the others answer questions and run statements. */
const shareOfWorkspace = 0.25;
/** A page that sends a few files watches each of them. */
const fewest = 4;

/** Streams of a job's events that one workspace may hold open, so that it leaves environments to the others. */
export function openStreams({ api }: Pick<StageSettings, 'api'>): number {
  return Math.max(fewest, Math.floor(api.reservedConcurrency.streaming * shareOfWorkspace));
}
