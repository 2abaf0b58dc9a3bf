import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../../shared/jobs/jobs.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { jobView } from './views/job-view.ts';

/** A watcher holds a function and a moment of a database connection: it is let go after this and comes back by itself. */
const longestMilliseconds = 60_000;
const pollMilliseconds = 500;
const pingMilliseconds = 15_000;
/** What an `EventSource` waits before it comes back. */
const retryMilliseconds = 1_000;

/**
 * A job's changes as events, until it has ended or a minute is over. An event's id says what it showed, so a watcher that comes
 * back with it is told nothing twice.
 */
export async function* watchJob(
  first: Job,
  read: () => Promise<Job>,
  lastEventId: string | null,
): AsyncGenerator<ServerSentEvent> {
  const until = performance.now() + longestMilliseconds;
  let shown = lastEventId;
  let lastSent = performance.now();
  yield { retry: retryMilliseconds };
  for (let job = first; ; job = await read()) {
    const view = jobView(job);
    const data = JSON.stringify(view);
    const id = createHash('sha256').update(data).digest('hex').slice(0, 16);
    const name = nameOf(job);
    if (id !== shown || name !== 'progress') {
      yield { id, event: name, data };
      shown = id;
      lastSent = performance.now();
    }
    if (name !== 'progress' || performance.now() >= until) return;
    if (performance.now() - lastSent >= pingMilliseconds) {
      yield { comment: 'ping' };
      lastSent = performance.now();
    }
    await sleep(pollMilliseconds);
  }
}

function nameOf(job: Job): 'progress' | 'done' | 'error' {
  if (job.status === 'succeeded') return 'done';
  return job.status === 'failed' || job.status === 'cancelled' ? 'error' : 'progress';
}
