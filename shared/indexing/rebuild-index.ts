import type { Clock } from '../core/clock.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import type { AddressedNudge, WorkQueue } from '../core/work-queue.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import { createJob } from '../jobs/jobs.ts';
import { note, readPartitions } from './partition-state.ts';
import { type IndexingPorts, tendIndexes } from './tend-indexes.ts';

export const rebuildDeadlineMilliseconds = 24 * 3_600_000;
const nextLookSeconds = 30;

/** The partition that a workspace's embeddings are in; undefined while it has none. */
export async function homePartition(db: Db, workspaceId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ partition: string }>(
    `SELECT c.relname AS partition FROM (
       SELECT tableoid FROM dbrag.embeddings WHERE workspace_id = $1 ORDER BY document_id, content_hash LIMIT 1
     ) AS home JOIN pg_class c ON c.oid = home.tableoid`,
    [workspaceId],
  );
  return rows[0]?.partition;
}

/**
 * Accepts a rebuild of the index over a workspace's embeddings.
 * @param partition must be the workspace's own if given: others are other tenants'
 * @returns the job's UUID
 * @throws not_found
 */
export async function requestRebuild(
  db: Db,
  clock: Clock,
  workspaceId: string,
  partition: string | undefined,
  createdBy: string,
): Promise<string> {
  const home = await homePartition(db, workspaceId);
  if (home === undefined || (partition !== undefined && partition !== home)) throw notFound('index');
  const deadline = new Date(clock.now().getTime() + rebuildDeadlineMilliseconds);
  return createJob(db, workspaceId, { type: 'rebuild_index', input: { partition: home }, createdBy, deadline });
}

/** The message that continues a rebuild. */
export function rebuildNudge(workspaceId: string, jobId: string, delaySeconds = 0): AddressedNudge {
  const body = { v: 1, kind: 'rebuild_index', workspace_id: workspaceId, job_id: jobId };
  return {
    queue: 'maintenance',
    nudge: { body, groupId: workspaceId, ...(delaySeconds > 0 ? { delaySeconds } : {}) },
  };
}

/** Sends it. */
export async function nudgeRebuild(
  queue: WorkQueue,
  workspaceId: string,
  jobId: string,
  delaySeconds = 0,
): Promise<void> {
  const { nudge } = rebuildNudge(workspaceId, jobId, delaySeconds);
  await queue.send('maintenance', [nudge]);
}

/**
 * One step of a rebuild: has the autopilot build, records the progress in the job, and repeats until it is done. The existing index
 * serves until the new one is valid.
 */
export async function rebuildIndex(
  ports: IndexingPorts & { readonly queue: WorkQueue },
  workspaceId: string,
  jobId: string,
): Promise<void> {
  const { database, queue } = ports;
  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.inWorkspace({ workspaceId }, work);
  const job = await inWorkspace(async (db) => {
    const { rows } = await db.query<{ partition: string; started_at: Date | null; status: string }>(
      `SELECT input ->> 'partition' AS partition, started_at, status FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2 AND type = 'rebuild_index'`,
      [workspaceId, jobId],
    );
    return rows[0];
  });
  if (job === undefined || (job.status !== 'queued' && job.status !== 'running')) return;
  // Asked for once: what is wanted is cleared by the build that serves it.
  if (job.started_at === null)
    await database.inSystem((db) =>
      note(db, job.partition, ports.model, { wanted_at: ports.clock.now(), failures: 0 }),
    );
  await inWorkspace((db) => startJob(db, workspaceId, jobId, 'rebuild_index', 'The build is being started.'));
  await tendIndexes(ports);
  const state = (await readPartitions(database, ports)).find(({ partition }) => partition === job.partition);
  const ended = state && endOf(state);
  if (ended) await inWorkspace((db) => finishJob(db, workspaceId, jobId, ended));
  else {
    await inWorkspace((db) =>
      db.query(
        `UPDATE dbrag.jobs SET why = $3, progress_done = $4, progress_total = $5, progress_unit = 'blocks' WHERE workspace_id = $1 AND id = $2`,
        [workspaceId, jobId, state?.why || 'It is being built.', ...progressOf(state)],
      ),
    );
    await nudgeRebuild(queue, workspaceId, jobId, nextLookSeconds);
  }
}

type State = Awaited<ReturnType<typeof readPartitions>>[number];

function progressOf(state: State | undefined): [number, number | null] {
  const progress = state?.indexes.find((index) => index.progress)?.progress;
  return [progress?.done ?? 0, progress?.total ?? null];
}

/** How a rebuild ended, from the autopilot's notes; undefined while it is in progress. */
function endOf(state: State): Parameters<typeof finishJob>[3] | undefined {
  if (state.wanted_at === null && state.status === 'ready')
    return {
      status: 'succeeded',
      why: `The index was built in ${Math.round(state.build_seconds ?? 0)} s.`,
      result: { partition: state.partition, kind: state.kind, rows: state.rows },
    };
  if (state.status === 'refused')
    return { status: 'failed', error: { code: 'index_refused', message: state.why || 'It does not fit.' } };
  if (state.failures > 0)
    return { status: 'failed', error: { code: 'index_build_failed', message: state.why || 'The build failed.' } };
  return undefined;
}
