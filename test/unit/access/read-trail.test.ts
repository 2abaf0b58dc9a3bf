import { describe, expect, it, vi } from 'vitest';
import { createReadTrail, type RecordedAccess } from '../../../shared/access/read-trail.ts';
import type { Nudge } from '../../../shared/core/work-queue.ts';

function trail() {
  const state = { now: 0, accepts: true, lost: 0 };
  const sent: RecordedAccess[][] = [];
  const queue = {
    async send(_name: string, nudges: readonly Nudge[]) {
      if (!state.accepts) return 0;
      for (const { body } of nudges) sent.push((body as { records: RecordedAccess[] }).records);
      return nudges.length;
    },
    depth: async () => 0,
  };
  const clock = { now: () => new Date(state.now) };
  const reads = createReadTrail(queue, clock, (events) => {
    state.lost += events;
  });
  const access = (id: string, words = 10) =>
    ({ id, detail: { words: 'x'.repeat(words) } }) as unknown as RecordedAccess;
  return { state, sent, reads, access };
}

describe('reads on their way to the trail', () => {
  it('are sent at once after a second of quiet, and together within it', async () => {
    vi.useFakeTimers();
    try {
      const { state, sent, reads, access } = trail();
      await reads.record(access('1'));
      expect(sent.map((records) => records.length)).toEqual([1]);
      for (const id of ['2', '3']) expect(reads.record(access(id))).toBeUndefined();
      state.now = 1_000;
      await reads.record(access('4'));
      expect(sent.map((records) => records.map(({ id }) => id))).toEqual([['1'], ['2', '3', '4']]);
      await reads.record(access('5'), { atOnce: true });
      expect(sent).toHaveLength(3);
      reads.record(access('6'));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(sent.at(-1)?.map(({ id }) => id)).toEqual(['6']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('are sent once there are many, in messages that every queue takes', async () => {
    const { sent, reads, access } = trail();
    await reads.record(access('0'));
    for (let i = 1; i <= 49; i++) expect(reads.record(access(String(i)))).toBeUndefined();
    await reads.record(access('50'));
    expect(sent.map((records) => records.length)).toEqual([1, 50]);
    for (let i = 0; i < 49; i++) reads.record(access(`large ${i}`, 20_000));
    await reads.flush();
    expect(sent.length).toBeGreaterThan(5);
    for (const records of sent) expect(JSON.stringify(records).length).toBeLessThan(256 * 1_024);
    expect(sent.flat()).toHaveLength(100);
  });

  it('are kept while the queue does not take them, up to a thousand; what is lost then is counted', async () => {
    const { state, sent, reads, access } = trail();
    state.accepts = false;
    for (let i = 0; i < 1_200; i++) await reads.record(access(String(i)), { atOnce: i % 50 === 0 });
    await reads.flush();
    expect(state.lost).toBe(200);
    state.accepts = true;
    await reads.flush();
    expect(sent.flat().map(({ id }) => Number(id))).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 200));
  });
});
