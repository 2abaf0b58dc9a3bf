import type { Priority } from '../core/work-queue.ts';
import type { EmbedChunksMessage } from './embed-chunks.message.ts';
import { add, type EmbedChunksPorts, type EmbedSummary, nothing, type Time } from './embed-lease.ts';
import { embedPool } from './embed-pool.ts';
import type { PendingPool } from './pending-pool.ts';

export type { EmbedChunksPorts, EmbedSummary, ModelSpace, Postponement, Time } from './embed-lease.ts';

/** Reserved for the last commit of an invocation, at most a quarter of its time: no request starts within it. */
const reserveMilliseconds = 15_000;
/** How long one invocation continues before it makes room for others, so that a busy workspace takes only its share. */
const longestTurnMilliseconds = 30_000;
/** So that the few texts of one workspace do not wait behind the backlog of another; each holds what eight requests need. */
const poolsAtOnce = 2;

/**
 * Embeds the chunks of the documents in the messages, and more of the same pools (a pool is whatever waits in a workspace at a
 * priority) while there is time. Safe to run any number of times, also concurrently. A provider that is down fails nothing: its
 * chunks wait, or are searched in the space of the fallback model until it is back.
 */
export async function embedChunks(
  ports: EmbedChunksPorts,
  messages: readonly EmbedChunksMessage[],
  time: Time,
): Promise<EmbedSummary> {
  await ports.failpoint.reach('worker.after_receive');
  const reserve = Math.min(reserveMilliseconds, time.remainingTime() / 4);
  const pools = await findPools(ports, messages);
  const turnMilliseconds = longestTurnMilliseconds / Math.max(1, pools.length);
  const summary = await besideEachOther(pools, ({ pool, documentIds }) =>
    embedPool(ports, pool, documentIds, { ...time, reserve, turnMilliseconds }),
  );
  await ports.failpoint.reach('worker.after_commit_before_ack');
  return summary;
}

/** A failure is thrown only once nothing is running: anything still running would continue after its messages were redelivered. */
async function besideEachOther(
  pools: readonly Pool[],
  work: (pool: Pool) => Promise<EmbedSummary>,
): Promise<EmbedSummary> {
  let summary = nothing;
  const waiting = pools.values();
  const takeSome = async () => {
    for (const pool of waiting) {
      const done = await work(pool);
      summary = add(summary, done);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(poolsAtOnce, pools.length) }, takeSome));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return summary;
}

interface Pool {
  readonly pool: PendingPool;
  readonly documentIds: readonly string[];
}

/** Messages of one workspace and priority are one piece of work. */
async function findPools(ports: EmbedChunksPorts, messages: readonly EmbedChunksMessage[]): Promise<Pool[]> {
  const pools: Pool[] = [];
  const spaces = { model: ports.embedder.model, fallback: ports.fallback?.embedder.model ?? null };
  for (const [workspaceId, ofWorkspace] of Map.groupBy(messages, (message) => message.workspace_id)) {
    const byPriority = Map.groupBy(await withPriority(ports, workspaceId, ofWorkspace), ({ priority }) => priority);
    for (const [priority, found] of byPriority) {
      const pool = { workspaceId, ...spaces, priority };
      pools.push({ pool, documentIds: found.map(({ message }) => message.document_id) });
    }
  }
  return pools;
}

async function withPriority(
  ports: EmbedChunksPorts,
  workspaceId: string,
  messages: readonly EmbedChunksMessage[],
): Promise<{ readonly message: EmbedChunksMessage; readonly priority: Priority }[]> {
  const unsaid = messages.filter((message) => !message.priority);
  const found = new Map<string, Priority>();
  if (unsaid.length > 0) {
    const { rows } = await ports.database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ document_id: string; priority: Priority }>(
        'SELECT document_id, priority FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) ORDER BY version',
        [workspaceId, unsaid.map((message) => message.document_id)],
      ),
    );
    for (const row of rows) found.set(row.document_id, row.priority);
  }
  return messages.flatMap((message) => {
    const priority = message.priority ?? found.get(message.document_id);
    return priority ? [{ message, priority }] : [];
  });
}
