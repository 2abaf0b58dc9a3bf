import type { Clock } from '../core/clock.ts';
import type { Priority, WorkQueue } from '../core/work-queue.ts';
import { type EmbeddingNudge, nudgeEmbedding } from './embed-chunks.message.ts';

/**
 * Sends the nudges of one process, and only a few of them in a bulk load: a worker takes whatever waits in a workspace at a priority, so a
 * message covers everything that is committed before it arrives. The first is sent at once; those that follow closely share one that
 * arrives a second later. Critical work never shares.
 */
export class EmbeddingNudges {
  private readonly queue: WorkQueue;
  private readonly clock: Clock;
  private readonly pools = new Map<string, { sentAt: number; coveredUntil: number }>();

  constructor(queue: WorkQueue, clock: Clock) {
    this.queue = queue;
    this.clock = clock;
  }

  async nudge(priority: Priority, document: EmbeddingNudge): Promise<void> {
    if (priority === 'critical') {
      await nudgeEmbedding(this.queue, priority, document);
      return;
    }
    const now = this.clock.now().getTime();
    const key = `${document.workspaceId} ${priority}`;
    const pool = this.pools.get(key);
    if (pool && now < pool.coveredUntil) return;
    const delaySeconds = pool && now - pool.sentAt < shareSeconds * 1_000 ? shareSeconds : 0;
    const sent = await nudgeEmbedding(this.queue, priority, document, delaySeconds);
    if (!sent) return;
    this.pools.delete(key);
    this.pools.set(key, {
      sentAt: now,
      coveredUntil: delaySeconds > 0 ? now + delaySeconds * 1_000 - marginMilliseconds : 0,
    });
    if (this.pools.size > rememberedPools) this.pools.delete(this.pools.keys().next().value as string);
  }
}

/** The shortest delay that a queue supports. */
const shareSeconds = 1;
/** A delayed message may arrive slightly early, so work committed just before it is due does not count as covered. */
const marginMilliseconds = 200;
const rememberedPools = 1_000;
