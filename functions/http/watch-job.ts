import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../../shared/jobs/jobs.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { jobView } from './views/job-view.ts';

/** A watcher holds a function and a moment of a database connection: it is let go after this and comes back by itself. */
const longestMilliseconds = 60_000;
const pollMilliseconds = 500;
const pingMilliseconds = 15_000;
/** How long an `EventSource` waits before it reconnects. */
const retryMilliseconds = 1_000;

/**
 * A job's changes as events, until it has ended or a minute is over. An event's id says what it showed, so a watcher that
 * reconnects with it receives nothing twice.
 * @param left aborted when the watcher is known to have left: the events end at once, and nothing more is read
 */
export async function* watchJob(
  first: Job,
  read: () => Promise<Job>,
  lastEventId: string | null,
  left: AbortSignal = new AbortController().signal,
): AsyncGenerator<ServerSentEvent> {
  const until = performance.now() + longestMilliseconds;
  let shown = lastEventId;
  let lastSent = performance.now();
  yield { retry: retryMilliseconds };
  for (let job = first; ; job = await read()) {
    const event = eventOf(job);
    if (event.id !== shown || event.event !== 'progress') {
      yield event;
      shown = event.id;
      lastSent = performance.now();
    }
    if (event.event !== 'progress' || performance.now() >= until) return;
    if (performance.now() - lastSent >= pingMilliseconds) {
      yield { comment: 'ping' };
      lastSent = performance.now();
    }
    await sleep(pollMilliseconds, undefined, { signal: left }).catch(() => {});
    if (left.aborted) return;
  }
}

/** Whether a watcher has received a job's end: it need not reconnect. */
export function hasSeenEnd(job: Job, lastEventId: string | null): boolean {
  const { id, event } = eventOf(job);
  return event !== 'progress' && id === lastEventId;
}

function eventOf(job: Job) {
  const data = JSON.stringify(jobView(job));
  return { id: createHash('sha256').update(data).digest('hex').slice(0, 16), event: nameOf(job), data };
}

function nameOf(job: Job): 'progress' | 'done' | 'error' {
  if (job.status === 'succeeded') return 'done';
  return job.status === 'failed' || job.status === 'cancelled' ? 'error' : 'progress';
}
