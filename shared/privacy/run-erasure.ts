import { sendNudges } from '../core/work-queue.ts';
import { startJob } from '../jobs/finish-job.ts';
import { eraseSubject } from './erase-subject.ts';
import { eraseWorkspace, settleErasure } from './erase-workspace.ts';
import { type ErasurePorts, erasureNudge, type HasTime } from './erasure.ts';

/** Runs an `erase` job for as long as there is time; what is left goes on in another invocation. */
export async function runErasure(
  ports: ErasurePorts,
  workspaceId: string,
  jobId: string,
  hasTime: HasTime,
): Promise<void> {
  const input = await ports.database.inWorkspace({ workspaceId }, async (db) => {
    if (!(await startJob(db, workspaceId, jobId, 'erase', 'Erasing objects and rows.'))) return undefined;
    const { rows } = await db.query<{ input: { scope: string; subject_id?: string } }>(
      'SELECT input FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
      [workspaceId, jobId],
    );
    return rows[0]?.input;
  });
  if (!input) {
    if (await isErased(ports, workspaceId)) await settleErasure(ports, workspaceId);
    return;
  }
  const isDone = input.subject_id
    ? await eraseSubject(ports, workspaceId, jobId, input.subject_id, hasTime)
    : await eraseWorkspace(ports, workspaceId, jobId, hasTime);
  if (!isDone) await sendNudges(ports.queue, [erasureNudge(workspaceId, jobId)]);
}

async function isErased({ database }: ErasurePorts, workspaceId: string): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query('SELECT FROM dbrag.erasures WHERE erased_workspace = $1 AND finished_at IS NOT NULL', [workspaceId]),
  );
  return count > 0;
}
