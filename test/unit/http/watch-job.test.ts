import { describe, expect, it } from 'vitest';
import { eventStream } from '../../../functions/http/event-stream.ts';
import { hasSeenEnd, watchJob } from '../../../functions/http/watch-job.ts';
import type { Job } from '../../../shared/jobs/jobs.ts';

const job = (changes: Partial<Job> = {}): Job => ({
  id: '0198c3d2-a1b4-7c5e-8f90-123456789abc',
  type: 'delete',
  status: 'running',
  collection_id: null,
  connection_id: null,
  document_id: null,
  version: null,
  progress_done: 0,
  progress_total: null,
  progress_unit: null,
  attempts: 1,
  why: null,
  error: null,
  result: null,
  created_at: new Date(0),
  started_at: null,
  finished_at: null,
  deadline_at: null,
  ingestion: null,
  ...changes,
});

describe('watching a job', () => {
  it('ends with what ended it, at once when it has ended', async () => {
    for (const [status, name] of [
      ['succeeded', 'done'],
      ['failed', 'error'],
      ['cancelled', 'error'],
    ] as const) {
      const events = [];
      for await (const event of watchJob(job({ status }), async () => job(), null)) events.push(event);
      expect(events).toMatchObject([{ retry: 1_000 }, { event: name }]);
      expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ status });
    }
  });

  it('says nothing of a state that the watcher has seen, but always how it ended', async () => {
    const first = watchJob(job(), async () => job(), null);
    await first.next();
    const { value } = await first.next();
    const again = watchJob(job({ status: 'succeeded' }), async () => job(), value?.id ?? '');
    await again.next();
    expect((await again.next()).value).toMatchObject({ event: 'done' });
    await first.return(undefined);
  });

  it('need not come back once it was told the end, and only then', async () => {
    const ended = job({ status: 'failed' });
    const watch = watchJob(ended, async () => ended, null);
    await watch.next();
    const { value } = await watch.next();
    expect(hasSeenEnd(ended, value?.id ?? '')).toBe(true);
    expect(hasSeenEnd(ended, null)).toBe(false);
    const running = watchJob(job(), async () => job(), null);
    await running.next();
    expect(hasSeenEnd(job(), (await running.next()).value?.id ?? '')).toBe(false);
    expect(hasSeenEnd(ended, 'another')).toBe(false);
    await running.return(undefined);
  });
});

describe('a watcher who leaves', () => {
  it('ends the events at once, and nothing more is read', async () => {
    let reads = 0;
    const left = new AbortController();
    const read = async () => {
      reads += 1;
      return job();
    };
    const events = watchJob(job(), read, null, left.signal);
    await events.next();
    await events.next();
    const waiting = events.next();
    left.abort();
    expect(await waiting).toMatchObject({ done: true });
    expect(reads).toBe(0);
  });
});

describe('a stream of events', () => {
  it('is written as the standard has it', async () => {
    async function* events() {
      yield { retry: 5 };
      yield { id: '1', event: 'progress', data: '{"a":1}' };
      yield { comment: 'ping' };
    }
    const response = eventStream(events());
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe('retry: 5\n\nid: 1\nevent: progress\ndata: {"a":1}\n\n: ping\n\n');
  });

  it('lets go of its source when the client leaves', async () => {
    let ended = false;
    async function* events() {
      try {
        for (;;) yield { comment: 'ping' };
      } finally {
        ended = true;
      }
    }
    const reader = eventStream(events()).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(ended).toBe(true);
  });
});
