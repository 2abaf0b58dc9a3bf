import type { Database } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { Outage } from '../core/outage.ts';
import { sendNudges, type WorkQueue } from '../core/work-queue.ts';
import { finishJob } from '../jobs/finish-job.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { releaseChatTokens, reserveChatCalls } from '../limits/token-quota.ts';
import type { ChatModel } from '../models/chat-model.ts';
import { ModelError } from '../models/model-error.ts';
import type { DatabaseClient } from './ask-database.ts';
import { embedCatalogNudge } from './catalog-jobs.ts';
import { type Begun, type Leased, leaseTables, releaseTables } from './catalog-lease.ts';
import type { Connection } from './connections.ts';
import type { DescribeTableMessage } from './describe-table.message.ts';
import { describeWithModel } from './describe-with-model.ts';
import { storeDescribed } from './store-descriptions.ts';

export interface DescribePorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly client: DatabaseClient;
  /** The chat model of a workspace. */
  readonly chatOf: (workspaceId: string) => Promise<ChatModel>;
  readonly quotasOf: (workspaceId: string) => Promise<WorkspaceQuotas>;
  readonly now: () => number;
}

/** A database that did not answer so often ends the job. */
const mostTries = 20;
const readMilliseconds = 40_000;
/** Share of the remaining invocation time; the rest is for the model and for storing. */
const shareToRead = 0.5;

/**
 * Describes tables of one refresh: those still to be described are leased, read from their database in one request, described
 * by the model with one call per table as far as the workspace's tokens last, and stored. The worker that stores the last one sends the message for the vectors.
 * @param remainingTime milliseconds until the invocation is ended
 * @throws Outage when the database or the model is down, or others hold the workspace's tokens: the messages are to be redelivered
 */
export async function describeCatalogTables(
  ports: DescribePorts,
  messages: readonly DescribeTableMessage[],
  remainingTime: () => number,
): Promise<void> {
  for (const group of Map.groupBy(messages, ({ job_id }) => job_id).values())
    await describeGroup(ports, group, remainingTime);
}

async function describeGroup(
  ports: DescribePorts,
  messages: readonly DescribeTableMessage[],
  remainingTime: () => number,
): Promise<void> {
  const [{ workspace_id: workspaceId, connection_id: connectionId, job_id: jobId }] = messages as [
    DescribeTableMessage,
  ];
  const begun = await ports.database.inWorkspace({ workspaceId }, (db) =>
    leaseTables(db, workspaceId, connectionId, jobId, messages, Math.ceil(remainingTime() / 1_000)),
  );
  if (!begun) return;
  const { connection, tables } = begun;
  const deadline = ports.now() + Math.min(readMilliseconds, remainingTime() * shareToRead);
  const read = await ports.client
    .describeTables(workspaceId, connection, tables, deadline)
    .catch((error: unknown) => cannotRead(ports, workspaceId, jobId, begun, error));
  if (!read) return;
  const quotas = await ports.quotasOf(workspaceId);
  const asking = {
    chat: await ports.chatOf(workspaceId),
    now: ports.now,
    reserve: (calls: readonly number[]) =>
      ports.database.inWorkspace({ workspaceId }, (db) =>
        reserveChatCalls(db, workspaceId, quotas, new Date(ports.now()), { calls, forDescriptions: true }),
      ),
  };
  const words = await describeWithModel(asking, tables, read, remainingTime);
  const left = await ports.database.inWorkspace({ workspaceId }, async (db) => {
    await releaseChatTokens(db, workspaceId, words.reservation);
    return storeDescribed(db, workspaceId, connection, jobId, words.described);
  });
  if (left === 0) await sendNudges(ports.queue, [embedCatalogNudge(workspaceId, jobId)]);
  let outage: Outage | undefined;
  for (const { tables: again, cause } of words.left)
    outage = await outlast(ports, workspaceId, jobId, connection, again, cause);
  if (outage) throw outage;
}

const isOfTokens = (cause: Error): boolean => cause instanceof DbragError && cause.code === 'rate_limited';

/** Temporary failures are retried later; a permanent one ends the job. */
async function cannotRead(
  ports: DescribePorts,
  workspaceId: string,
  jobId: string,
  { connection, tables }: Begun,
  error: unknown,
): Promise<undefined> {
  if (!(error instanceof DbragError)) throw error;
  const tries = Math.max(...tables.map((table) => table.tries));
  if (error.retryable && tries < mostTries) throw await outlast(ports, workspaceId, jobId, connection, tables, error);
  await ports.database.inWorkspace({ workspaceId }, async (db) => {
    await releaseTables(db, workspaceId, connection.id, tables);
    await finishJob(db, workspaceId, jobId, { status: 'failed', error: { code: error.code, message: error.message } });
  });
}

async function outlast(
  ports: DescribePorts,
  workspaceId: string,
  jobId: string,
  connection: Connection,
  tables: readonly Leased[],
  cause: Error,
): Promise<Outage> {
  // An unavailable model, or tokens that others hold, do not count as a failed attempt.
  const isSpent = cause instanceof ModelError ? cause.kind === 'transient' : !isOfTokens(cause);
  await ports.database.inWorkspace({ workspaceId }, async (db) => {
    await releaseTables(db, workspaceId, connection.id, tables, isSpent);
    await db.query(`UPDATE dbrag.jobs SET why = $3 WHERE workspace_id = $1 AND id = $2 AND status = 'running'`, [
      workspaceId,
      jobId,
      `${cause.message} It is tried again soon.`,
    ]);
  });
  return new Outage(cause.message, { cause });
}
