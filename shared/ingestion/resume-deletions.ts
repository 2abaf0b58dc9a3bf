import type { Db } from '../core/database.ts';
import { beginCollectionDeletion } from './delete-collection.ts';
import { beginDeletion, type DeleteDocumentPorts, nudgeDeletion } from './delete-document.ts';

/** A night's share; the rest is found the next night. */
const mostPerNight = 500;
/** The actor of the new job, since no person requested it. */
const actor = 'nightly';

/**
 * Begins again what was being deleted and whose job has failed: a deletion that was acknowledged must end, however its first job did.
 * @returns the jobs that were begun
 */
export async function resumeDeletions(
  ports: Pick<DeleteDocumentPorts, 'database' | 'queue' | 'clock'>,
  workspaceId: string,
): Promise<readonly string[]> {
  const scope = { workspaceId };
  const { database } = ports;
  const [collections, documents] = await database.inWorkspace(scope, async (db) => [
    await abandonedCollections(db, workspaceId),
    await abandonedDocuments(db, workspaceId),
  ]);
  const begun: string[] = [];
  // A transaction each: locks of several would not be taken in the order of everywhere.
  for (const id of collections)
    begun.push(
      (await database.inWorkspace(scope, (db) => beginCollectionDeletion(db, ports, workspaceId, id, actor))).jobId,
    );
  for (const id of documents)
    begun.push((await database.inWorkspace(scope, (db) => beginDeletion(db, ports, workspaceId, id, actor))).jobId);
  for (const jobId of begun) await nudgeDeletion(ports.queue, workspaceId, jobId);
  return begun;
}

async function abandonedCollections(db: Db, workspaceId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT c.id FROM dbrag.collections c
     WHERE c.workspace_id = $1 AND c.status = 'deleting' AND NOT EXISTS (
       SELECT FROM dbrag.jobs j WHERE j.workspace_id = $1 AND j.status IN ('queued', 'running') AND j.type = 'delete'
         AND j.collection_id = c.id AND j.document_id IS NULL)
     ORDER BY c.id LIMIT $2`,
    [workspaceId, mostPerNight],
  );
  return rows.map((row) => row.id);
}

/** Documents of a collection that is being deleted go with it. */
async function abandonedDocuments(db: Db, workspaceId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT d.id FROM dbrag.documents d
     JOIN dbrag.collections c ON c.workspace_id = $1 AND c.id = d.collection_id AND c.status = 'active'
     WHERE d.workspace_id = $1 AND d.status = 'deleting' AND NOT EXISTS (
       SELECT FROM dbrag.jobs j WHERE j.workspace_id = $1 AND j.status IN ('queued', 'running') AND j.type = 'delete'
         AND j.document_id = d.id)
     ORDER BY d.id LIMIT $2`,
    [workspaceId, mostPerNight],
  );
  return rows.map((row) => row.id);
}
