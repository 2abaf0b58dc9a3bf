import type { Clock } from '../core/clock.ts';
import type { Db } from '../core/database.ts';
import type { AddressedNudge } from '../core/work-queue.ts';
import { finishJob, restartJob } from '../jobs/finish-job.ts';
import type { JobKind } from '../jobs/job-kinds.ts';
import { createJob } from '../jobs/jobs.ts';
import { lockConnection } from './connections.ts';

const deadlineMilliseconds = 6 * 3_600_000;

/**
 * Begins to bring the catalog of a connection up to date; while that is under way already, its job is given.
 * @throws not_found
 */
export async function beginRefresh(
  db: Db,
  { clock }: { readonly clock: Clock },
  workspaceId: string,
  connectionId: string,
  actor: string,
): Promise<{ readonly jobId: string; readonly begun: boolean }> {
  // Of two concurrent requests, the second waits here and then sees the first one's job.
  await lockConnection(db, workspaceId, connectionId);
  const running = await runningRefresh(db, workspaceId, connectionId);
  if (running) return { jobId: running, begun: false };
  const deadline = new Date(clock.now().getTime() + deadlineMilliseconds);
  const jobId = await createJob(db, workspaceId, {
    type: 'update_metadata_catalog',
    connectionId,
    createdBy: actor,
    deadline,
  });
  return { jobId, begun: true };
}

/** Begins over what is under way: settings that the listing depends on have changed. */
export async function beginRefreshAnew(
  db: Db,
  ports: { readonly clock: Clock },
  workspaceId: string,
  connectionId: string,
  actor: string,
): Promise<{ readonly jobId: string }> {
  const { jobId, begun } = await beginRefresh(db, ports, workspaceId, connectionId, actor);
  if (!begun) await resetInput(db, workspaceId, jobId);
  return { jobId };
}

/** The message that continues a refresh, wherever it is. */
export function refreshNudge(workspaceId: string, jobId: string, delaySeconds = 0): AddressedNudge {
  return nudge('refresh_catalog', workspaceId, jobId, delaySeconds);
}

/** The message that every table is described and the vectors can be computed. */
export const embedCatalogNudge = (workspaceId: string, jobId: string): AddressedNudge =>
  nudge('embed_catalog', workspaceId, jobId, 0);

function nudge(kind: string, workspaceId: string, jobId: string, delaySeconds: number): AddressedNudge {
  const body = { v: 1, kind, workspace_id: workspaceId, job_id: jobId };
  return { queue: 'maintenance', nudge: { body, groupId: workspaceId, ...(delaySeconds > 0 ? { delaySeconds } : {}) } };
}

/** When cancelled, described tables stay described; the next refresh continues with the others. */
export const catalogJobs: JobKind = {
  async cancel(db, workspaceId, job) {
    await finishJob(db, workspaceId, job.id, { status: 'cancelled' });
  },
  async retry(db, workspaceId, jobs, now) {
    const restarted = [];
    for (const { id, connection_id: connectionId } of jobs) {
      if (!connectionId || !(await mayRestart(db, workspaceId, connectionId))) continue;
      if (!(await restartJob(db, workspaceId, id, new Date(now.getTime() + deadlineMilliseconds)))) continue;
      await resetInput(db, workspaceId, id);
      restarted.push({ jobId: id, nudge: refreshNudge(workspaceId, id) });
    }
    return restarted;
  },
  refusal: 'Another job is already reading the tables of this connection, or it no longer exists.',
};

async function resetInput(db: Db, workspaceId: string, jobId: string): Promise<void> {
  await db.query(
    `UPDATE dbrag.jobs SET input = '{}', attempts = 0, progress_done = 0, progress_total = NULL WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId],
  );
}

async function mayRestart(db: Db, workspaceId: string, connectionId: string): Promise<boolean> {
  const { count } = await db.query(
    'SELECT FROM dbrag.connections WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE',
    [workspaceId, connectionId],
  );
  return count > 0 && (await runningRefresh(db, workspaceId, connectionId)) === undefined;
}

async function runningRefresh(db: Db, workspaceId: string, connectionId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs WHERE workspace_id = $1 AND connection_id = $2 AND type = 'update_metadata_catalog'
       AND status IN ('queued', 'running') ORDER BY created_at DESC LIMIT 1`,
    [workspaceId, connectionId],
  );
  return rows[0]?.id;
}

/** Ends what is under way for a connection that is being removed, in the same transaction. */
export async function cancelRefreshes(db: Db, workspaceId: string, connectionId: string): Promise<void> {
  const running = await runningRefresh(db, workspaceId, connectionId);
  if (running) await finishJob(db, workspaceId, running, { status: 'cancelled', why: 'The connection was removed.' });
}
