import type { Database, Db } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import { leaveRemovedStatistics } from './leave-removed-statistics.ts';

export interface RemoveDocumentPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
}

/** Rows of one statement: a vector in an ANN index costs milliseconds to take out again, and a transaction must stay short. */
const rowsAtOnce = 2_000;

/**
 * Runs a `delete` job: objects first, rows afterwards, the document's own row last, so that after a crash at any point the next run
 * finds what is left. @returns false when the job has ended already
 */
export async function runDeletion(ports: RemoveDocumentPorts, workspaceId: string, jobId: string): Promise<boolean> {
  const scope = { workspaceId };
  const target = await ports.database.inWorkspace(scope, async (db) => {
    if (!(await startJob(db, workspaceId, jobId, 'Removing chunks, vectors and files.'))) return undefined;
    return findTarget(db, workspaceId, jobId);
  });
  if (!target) return false;
  const documents = target.document_id
    ? [target.document_id]
    : await documentsBeingDeleted(ports.database, workspaceId, target.collection_id);
  let removed = 0;
  for (const documentId of documents) {
    await removeDocument(ports, workspaceId, documentId);
    removed++;
  }
  await ports.database.inWorkspace(scope, async (db) => {
    if (!target.document_id && target.collection_id) {
      await db.query(`DELETE FROM dbrag.collections WHERE workspace_id = $1 AND id = $2 AND status = 'deleting'`, [
        workspaceId,
        target.collection_id,
      ]);
    }
    await finishJob(db, workspaceId, jobId, { status: 'succeeded', result: { documents: removed } });
  });
  return true;
}

async function findTarget(
  db: Db,
  workspaceId: string,
  jobId: string,
): Promise<{ document_id: string | null; collection_id: string | null } | undefined> {
  const { rows } = await db.query<{ document_id: string | null; collection_id: string | null }>(
    'SELECT document_id, collection_id FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
    [workspaceId, jobId],
  );
  return rows[0];
}

async function documentsBeingDeleted(
  database: Database,
  workspaceId: string,
  collectionId: string | null,
): Promise<string[]> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ id: string }>(
      `SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND collection_id = $2 AND status = 'deleting'`,
      [workspaceId, collectionId],
    ),
  );
  return rows.map((row) => row.id);
}

async function removeDocument(
  { database, objects }: RemoveDocumentPorts,
  workspaceId: string,
  documentId: string,
): Promise<void> {
  const scope = { workspaceId };
  const keys = await database.inWorkspace(scope, (db) => objectKeys(db, workspaceId, documentId));
  if (keys.length > 0) await objects.delete(keys);
  await database.inWorkspace(scope, (db) => leaveRemovedStatistics(db, workspaceId, documentId));
  for (const table of ['pending_embeddings', 'embeddings', 'placements', 'chunks'] as const) {
    while ((await database.inWorkspace(scope, (db) => deleteSome(db, table, workspaceId, documentId))) === rowsAtOnce);
  }
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
}

async function objectKeys(db: Db, workspaceId: string, documentId: string): Promise<string[]> {
  const { rows } = await db.query<{ s3_key: string }>(
    'SELECT DISTINCT s3_key FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2',
    [workspaceId, documentId],
  );
  return rows.map((row) => row.s3_key);
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
