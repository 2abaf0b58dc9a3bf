import type { Database, Db } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { timeForSteps } from '../core/time-left.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import { markDocumentsDeleting } from './delete-collection.ts';
import { endVersions, nudgeDeletion } from './delete-document.ts';
import { leaveRemovedStatistics } from './leave-removed-statistics.ts';
import { findObjects, removeObjects, removeUploads } from './remove-objects.ts';

export interface RemoveDocumentPorts {
  readonly database: Database;
  readonly failpoint: Failpoint;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
}

/** Milliseconds until the invocation is ended. */
export interface DeletionTime {
  remainingTime(): number;
}

/** Rows of one statement: a vector in an ANN index costs milliseconds to take out again, and a transaction must stay short. */
const rowsAtOnce = 2_000;
const documentsAtOnce = 500;

interface Target {
  readonly document_id: string | null;
  readonly collection_id: string | null;
  readonly deadline_at: Date;
}

/** Whether another step may be started: checked after each, so that every run completes at least one. */
type HasTime = () => boolean;

/**
 * Runs a `delete` job: objects first, rows afterwards, the document's own row last, so that after a crash at any point the next run
 * finds what is left. What does not fit into one invocation goes on in another.
 * @returns false when the job has ended already
 */
export async function runDeletion(
  ports: RemoveDocumentPorts,
  workspaceId: string,
  jobId: string,
  time: DeletionTime,
): Promise<boolean> {
  const scope = { workspaceId };
  const hasTime = timeForSteps(() => time.remainingTime());
  const target = await ports.database.inWorkspace(scope, async (db) => {
    if (!(await startJob(db, workspaceId, jobId, 'delete', 'Removing chunks, vectors and files.'))) return undefined;
    return findTarget(db, workspaceId, jobId);
  });
  if (!target) return false;
  const done = target.document_id
    ? await removeDocument(ports, workspaceId, target.document_id, hasTime)
    : await removeCollection(ports, workspaceId, jobId, target, hasTime);
  if (done) await ports.database.inWorkspace(scope, (db) => succeed(db, workspaceId, jobId, target));
  else await nudgeDeletion(ports.queue, workspaceId, jobId);
  return true;
}

async function findTarget(db: Db, workspaceId: string, jobId: string): Promise<Target | undefined> {
  const { rows } = await db.query<Target>(
    'SELECT document_id, collection_id, deadline_at FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
    [workspaceId, jobId],
  );
  return rows[0];
}

async function succeed(db: Db, workspaceId: string, jobId: string, target: Target): Promise<void> {
  if (target.document_id) await noteRemoved(db, workspaceId, jobId, 1);
  else {
    await db.query(`DELETE FROM dbrag.collections WHERE workspace_id = $1 AND id = $2 AND status = 'deleting'`, [
      workspaceId,
      target.collection_id,
    ]);
  }
  const { rows } = await db.query<{ removed: number }>(
    'SELECT progress_done::int AS removed FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
    [workspaceId, jobId],
  );
  const documents = rows[0]?.removed ?? 0;
  await finishJob(db, workspaceId, jobId, {
    status: 'succeeded',
    result: { documents },
    why: `Removed ${documents} ${documents === 1 ? 'document' : 'documents'}.`,
  });
}

async function removeCollection(
  ports: RemoveDocumentPorts,
  workspaceId: string,
  jobId: string,
  { collection_id: collectionId, deadline_at: deadline }: Target,
  hasTime: HasTime,
): Promise<boolean> {
  if (collectionId === null) return true;
  const scope = { workspaceId };
  for (;;) {
    // Whatever was accepted while the collection was being marked is found here.
    const documents = await ports.database.inWorkspace(scope, async (db) => {
      await markDocumentsDeleting(db, workspaceId, collectionId, deadline);
      return documentsOf(db, workspaceId, collectionId);
    });
    if (documents.length === 0) break;
    for (const documentId of documents) {
      await ports.database.inWorkspace(scope, (db) => endVersions(db, workspaceId, documentId));
      if (!(await removeDocument(ports, workspaceId, documentId, hasTime))) return false;
      await ports.database.inWorkspace(scope, (db) => noteRemoved(db, workspaceId, jobId, 1));
      if (!hasTime()) return false;
    }
  }
  return removeUploads(ports.objects, workspaceId, collectionId, hasTime);
}

async function documentsOf(db: Db, workspaceId: string, collectionId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND collection_id = $2 LIMIT $3',
    [workspaceId, collectionId, documentsAtOnce],
  );
  return rows.map((row) => row.id);
}

async function noteRemoved(db: Db, workspaceId: string, jobId: string, documents: number): Promise<void> {
  await db.query(
    `UPDATE dbrag.jobs SET progress_done = progress_done + $3, progress_unit = 'documents' WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId, documents],
  );
}

/** @returns false when time ran out before everything was removed */
async function removeDocument(
  { database, objects, failpoint }: RemoveDocumentPorts,
  workspaceId: string,
  documentId: string,
  hasTime: HasTime,
): Promise<boolean> {
  const scope = { workspaceId };
  await removeObjects(objects, await database.inWorkspace(scope, (db) => findObjects(db, workspaceId, documentId)));
  await failpoint.reach('delete.after_s3');
  await database.inWorkspace(scope, (db) => leaveRemovedStatistics(db, workspaceId, documentId));
  for (const table of ['pending_embeddings', 'embeddings', 'placements', 'chunks'] as const) {
    while ((await database.inWorkspace(scope, (db) => deleteSome(db, table, workspaceId, documentId))) === rowsAtOnce) {
      if (!hasTime()) return false;
    }
  }
  await failpoint.reach('delete.before_last_row');
  await database.inWorkspace(scope, async (db) => {
    await db.query('DELETE FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2', [
      workspaceId,
      documentId,
    ]);
    await db.query(`DELETE FROM dbrag.documents WHERE workspace_id = $1 AND id = $2 AND status = 'deleting'`, [
      workspaceId,
      documentId,
    ]);
  });
  return true;
}

async function deleteSome(
  db: Db,
  table: 'pending_embeddings' | 'embeddings' | 'placements' | 'chunks',
  workspaceId: string,
  documentId: string,
): Promise<number> {
  const key = table === 'placements' ? 'version, ordinal' : table === 'chunks' ? 'content_hash' : 'content_hash, model';
  const { count } = await db.query(
    `DELETE FROM dbrag.${table} WHERE workspace_id = $1 AND document_id = $2 AND (${key}) IN (
       SELECT ${key} FROM dbrag.${table} WHERE workspace_id = $1 AND document_id = $2 LIMIT $3)`,
    [workspaceId, documentId, rowsAtOnce],
  );
  return count;
}
