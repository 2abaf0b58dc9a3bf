import type { StageSettings } from './stage-settings.ts';

/** Of the environments that stream. A watcher holds one for a minute, and the others answer questions and run statements. */
const shareOfWorkspace = 0.25;
/** A page that sends a few files watches each of them: where there are few environments, so many may be open, up to a larger share. */
const wanted = 4;
const largestShare = 0.3;

/** Streams of a job's events that one workspace may hold open, so that it leaves environments to the others. */
export function openStreams({ api }: Pick<StageSettings, 'api'>): number {
  const { streaming } = api.reservedConcurrency;
  const usual = Math.floor(streaming * shareOfWorkspace);
  return Math.max(1, usual, Math.min(wanted, Math.floor(streaming * largestShare)));
}
