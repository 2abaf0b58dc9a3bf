import { describe, expect, it } from 'vitest';
import type { Nudge, WorkQueue } from '../../../shared/core/work-queue.ts';
import { EmbeddingNudges } from '../../../shared/ingestion/embedding-nudges.ts';

const document = (workspaceId = 'w') => ({ workspaceId, documentId: 'd' });

function world() {
  const sent: (Nudge & { queue: string })[] = [];
  let now = 1_000_000;
  let works = true;
  const queue: WorkQueue = {
    send: async (name, nudges) => {
      if (!works) return 0;
      sent.push(...nudges.map((nudge) => ({ ...nudge, queue: name })));
      return nudges.length;
    },
    depth: async () => 0,
  };
  const nudges = new EmbeddingNudges(queue, { now: () => new Date(now) });
  return {
    sent,
    nudges,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    breakQueue: (broken: boolean) => {
      works = !broken;
    },
  };
}

describe('nudges of one process', () => {
  it('goes at once when nothing was sent of late', async () => {
    const { nudges, sent, pass } = world();
    await nudges.nudge('default', document());
    pass(1_000);
    await nudges.nudge('default', document());
    expect(sent.map((nudge) => nudge.delaySeconds)).toEqual([undefined, undefined]);
  });

  it('shares one message a second in a bulk load, and leaves no version uncovered', async () => {
    const { nudges, sent, pass } = world();
    for (let i = 0; i < 100; i++) {
      await nudges.nudge('default', document());
      pass(30);
    }
    expect(sent.length).toBeLessThan(8);
    // Whatever came last is covered by a message that arrives after it.
    expect(sent.at(-1)?.delaySeconds).toBe(1);
  });

  it('shares neither between workspaces nor between priorities, and never what is critical', async () => {
    const { nudges, sent } = world();
    for (let i = 0; i < 5; i++) await nudges.nudge('critical', document());
    await nudges.nudge('default', document());
    await nudges.nudge('default', document('other'));
    await nudges.nudge('low', document());
    expect(sent.map((nudge) => nudge.delaySeconds)).toEqual(Array.from({ length: 8 }, () => undefined));
  });

  it('takes a message that was not accepted for none', async () => {
    const { nudges, sent, breakQueue } = world();
    await nudges.nudge('default', document());
    breakQueue(true);
    await nudges.nudge('default', document());
    breakQueue(false);
    await nudges.nudge('default', document());
    expect(sent).toHaveLength(2);
  });
});
