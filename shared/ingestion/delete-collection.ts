import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { createJob } from '../jobs/jobs.ts';
import { type BegunDeletion, type DeleteDocumentPorts, deletionDeadlineMilliseconds } from './delete-document.ts';

/**
 * Makes a collection and all its documents invisible at once and leaves their removal to a job, which also finds a document that is being
 * accepted at this moment.
 * @throws not_found
 */
export async function beginCollectionDeletion(
  db: Db,
  ports: Pick<DeleteDocumentPorts, 'clock'>,
  workspaceId: string,
  collectionId: string,
  actor: string,
): Promise<BegunDeletion> {
  const deadline = new Date(ports.clock.now().getTime() + deletionDeadlineMilliseconds);
  await markDocumentsDeleting(db, workspaceId, collectionId, deadline);
  const { rows } = await db.query<{ was: string }>(
    `UPDATE dbrag.collections c SET status = 'deleting', generation = c.generation + 1, updated_at = now()
     FROM (SELECT id, status FROM dbrag.collections WHERE workspace_id = $1 AND id = $2 FOR UPDATE) old
     WHERE c.workspace_id = $1 AND c.id = old.id RETURNING old.status AS was`,
    [workspaceId, collectionId],
  );
  if (!rows[0]) throw notFound('collection');
  if (rows[0].was === 'deleting') {
    const running = await runningJob(db, workspaceId, collectionId);
    if (running) return { jobId: running, begun: false };
  }
  const jobId = await createJob(db, workspaceId, { type: 'delete', collectionId, createdBy: actor, deadline });
  return { jobId, begun: true };
}

/** Documents are locked before their collection and in the order of their ids, as everywhere. */
export async function markDocumentsDeleting(
  db: Db,
  workspaceId: string,
  collectionId: string,
  deadline: Date,
): Promise<void> {
  await db.query(
    `UPDATE dbrag.documents d SET status = 'deleting', deadline_at = $3, updated_at = now()
     FROM (SELECT id FROM dbrag.documents
           WHERE workspace_id = $1 AND collection_id = $2 AND status <> 'deleting' ORDER BY id FOR UPDATE) found
     WHERE d.workspace_id = $1 AND d.id = found.id`,
    [workspaceId, collectionId, deadline],
  );
}

async function runningJob(db: Db, workspaceId: string, collectionId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs
     WHERE workspace_id = $1 AND type = 'delete' AND collection_id = $2 AND document_id IS NULL
       AND status IN ('queued', 'running')
     ORDER BY created_at DESC LIMIT 1`,
    [workspaceId, collectionId],
  );
  return rows[0]?.id;
}
