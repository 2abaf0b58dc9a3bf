import { type AuditEntry, recordAudit } from '../access/audit.ts';
import type { RequestOrigin } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { publicId } from '../core/ids.ts';
import { type AddressedNudge, sendNudges, type WorkQueue } from '../core/work-queue.ts';
import type { SweepArm } from '../jobs/arm-sweep.ts';
import { createJob } from '../jobs/jobs.ts';
import { supersedeVersions } from './supersede-versions.ts';

export interface DeleteDocumentPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly sweep: SweepArm;
  readonly clock: Clock;
}

export interface BegunDeletion {
  /** UUID. */
  readonly jobId: string;
  /** False: it was under way already, and this is its job. */
  readonly begun: boolean;
}

export const deletionDeadlineMilliseconds = 24 * 3_600_000;
/** Longer than any S3 event or queue message lives, so that a late one restores nothing. */
const tombstoneDays = 30;

/**
 * Makes a document invisible at once and leaves the removal of its rows and objects to a job. From now on no late worker can make any of
 * it visible: every commit of an ingestion requires that its document is not being deleted.
 * @throws not_found
 */
export async function beginDeletion(
  db: Db,
  ports: Pick<DeleteDocumentPorts, 'clock'>,
  workspaceId: string,
  documentId: string,
  actor: string,
): Promise<BegunDeletion> {
  const deadline = new Date(ports.clock.now().getTime() + deletionDeadlineMilliseconds);
  const { rows } = await db.query<{ collection_id: string; was: string }>(
    `UPDATE dbrag.documents d SET status = 'deleting', deadline_at = $3, updated_at = now()
     FROM (SELECT id, status FROM dbrag.documents WHERE workspace_id = $1 AND id = $2 FOR UPDATE) old
     WHERE d.workspace_id = $1 AND d.id = old.id
     RETURNING d.collection_id, old.status AS was`,
    [workspaceId, documentId, deadline],
  );
  const document = rows[0];
  if (!document) throw notFound('document');
  if (document.was === 'deleting') {
    const running = await runningDeletion(db, workspaceId, documentId, document.collection_id);
    if (running) return { jobId: running, begun: false };
  }
  await endVersions(db, workspaceId, documentId);
  await db.query('UPDATE dbrag.collections SET generation = generation + 1 WHERE workspace_id = $1 AND id = $2', [
    workspaceId,
    document.collection_id,
  ]);
  const jobId = await createJob(db, workspaceId, {
    type: 'delete',
    collectionId: document.collection_id,
    documentId,
    createdBy: actor,
    deadline,
  });
  return { jobId, begun: true };
}

/** The unfinished job that deletes a document: its own, or that of its whole collection. Without a document: the collection's. */
export async function runningDeletion(
  db: Db,
  workspaceId: string,
  documentId: string | null,
  collectionId: string | null,
): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs
     WHERE workspace_id = $1 AND type = 'delete' AND status IN ('queued', 'running')
       AND (document_id = $2 OR (document_id IS NULL AND collection_id = $3))
     ORDER BY created_at DESC LIMIT 1`,
    [workspaceId, documentId, collectionId],
  );
  return rows[0]?.id;
}

/** Ends the work under way for a document that is being deleted, and records its objects. */
export async function endVersions(db: Db, workspaceId: string, documentId: string): Promise<void> {
  await supersedeVersions(db, workspaceId, [{ documentId, version: 2_147_483_647 }], {
    code: 'superseded',
    message: 'The document was deleted.',
  });
  await bury(db, workspaceId, documentId);
}

/** Records the objects of a document, so that their late events are recognised as outdated. */
async function bury(db: Db, workspaceId: string, documentId: string): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.tombstones (workspace_id, s3_key, s3_version_id, document_id, expires_at)
     SELECT DISTINCT workspace_id, s3_key, coalesce(s3_version_id, ''), document_id, now() + make_interval(days => $3)
     FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2
     ON CONFLICT DO NOTHING`,
    [workspaceId, documentId, tombstoneDays],
  );
}

/** The message for a worker that a deletion is waiting. */
export function deletionNudge(workspaceId: string, jobId: string): AddressedNudge {
  const body = { v: 1, kind: 'delete', workspace_id: workspaceId, job_id: jobId };
  return { queue: 'maintenance', nudge: { body, groupId: workspaceId } };
}

export async function nudgeDeletion(queue: WorkQueue, workspaceId: string, jobId: string): Promise<void> {
  await sendNudges(queue, [deletionNudge(workspaceId, jobId)]);
}

/** The audit entry of a started deletion. */
export function deletionAudit(documentId: string): AuditEntry {
  return { action: 'document.delete', resourceType: 'document', resourceId: publicId('document', documentId) };
}

/** Deletes the document that an object was the source of, if there is one. */
export async function deleteDocumentOfSource(
  ports: DeleteDocumentPorts,
  target: { workspaceId: string; collectionId: string; sourceUri: string; actor: string; origin: RequestOrigin },
): Promise<void> {
  const { workspaceId, actor } = target;
  const jobId = await ports.database.inWorkspace({ workspaceId }, async (db) => {
    const { rows } = await db.query<{ id: string }>(
      // An announced upload whose object does not exist yet is not a deleted one.
      `SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND collection_id = $2 AND source_uri = $3 AND status NOT IN ('deleting', 'awaiting_upload')`,
      [workspaceId, target.collectionId, target.sourceUri],
    );
    if (!rows[0]) return undefined;
    const { jobId, begun } = await beginDeletion(db, ports, workspaceId, rows[0].id, actor);
    if (begun) await recordAudit(db, workspaceId, actor, target.origin, [deletionAudit(rows[0].id)]);
    return jobId;
  });
  if (jobId) await nudgeDeletion(ports.queue, workspaceId, jobId);
}
