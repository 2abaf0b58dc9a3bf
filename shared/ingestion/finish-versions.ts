import type { Db } from '../core/database.ts';
import { leaveStatisticsDifference } from './leave-statistics.ts';
import { type MovedVersion, setVersionStatus, type VersionKey } from './set-version-status.ts';

/** The spaces that are searched: a chunk with a vector in either can be found. */
export interface SearchedSpaces {
  readonly model: string;
  readonly fallback?: string | null;
}

/**
 * The swap: makes visible every version of these documents that is split and has all its vectors in the spaces that are searched. Called
 * by whoever stores the last vector, in the same transaction, with the documents locked.
 * @returns the versions that became ready
 */
export async function finishVersions(
  db: Db,
  workspaceId: string,
  spaces: SearchedSpaces,
  documentIds: readonly string[],
): Promise<readonly MovedVersion[]> {
  const complete = await findComplete(db, workspaceId, spaces, documentIds);
  if (complete.length === 0) return [];
  const texts = complete.reduce((sum, version) => sum + version.texts, 0);
  await leaveStatisticsDifference(db, workspaceId, complete, texts);
  const ready = await setVersionStatus(db, workspaceId, complete, { from: ['processing'], to: 'ready' });
  await bumpGenerations(db, workspaceId, [...new Set(ready.map((version) => version.collectionId))]);
  return ready;
}

interface CompleteVersion extends VersionKey {
  /** Of it and of the version that is live now. */
  readonly texts: number;
}

/** This many pending rows are checked before all placements are; while anything is missing, the first nearly always shows it. */
const pendingLookedAt = 8;

/**
 * EXCEPT and not an anti-join: on tables that were not analysed since they were loaded, a join is planned for one row and then takes
 * quadratic time (more than 15 s for 8,700 chunks).
 */
async function findComplete(
  db: Db,
  workspaceId: string,
  { model, fallback }: SearchedSpaces,
  documentIds: readonly string[],
): Promise<CompleteVersion[]> {
  const { rows } = await db.query<{ document_id: string; version: number; texts: number }>(
    `SELECT v.document_id, v.version, v.chunks + coalesce((SELECT l.chunks FROM dbrag.documents d
       JOIN dbrag.document_versions l ON l.workspace_id = $1 AND l.document_id = d.id AND l.version = d.live_version
       WHERE d.workspace_id = $1 AND d.id = v.document_id), 0) AS texts
     FROM dbrag.document_versions v
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.status = 'processing' AND v.content_hash IS NOT NULL
       AND CASE WHEN EXISTS (
           SELECT FROM (
             SELECT content_hash FROM dbrag.pending_embeddings
             WHERE workspace_id = $1 AND document_id = v.document_id AND model = $3 AND fallback_model IS DISTINCT FROM $4
             LIMIT ${pendingLookedAt}) b
           JOIN dbrag.placements p ON p.workspace_id = $1 AND p.document_id = v.document_id AND p.content_hash = b.content_hash
           WHERE p.version = v.version)
         THEN false
         ELSE NOT EXISTS (
           SELECT content_hash FROM dbrag.placements WHERE workspace_id = $1 AND document_id = v.document_id AND version = v.version
           EXCEPT
           SELECT content_hash FROM dbrag.embeddings WHERE workspace_id = $1 AND document_id = v.document_id AND model || '' IN ($3, $4))
       END`,
    [workspaceId, documentIds, model, fallback ?? model],
  );
  return rows.map((row) => ({ documentId: row.document_id, version: row.version, texts: row.texts }));
}

/** Collections are locked last, in the order of their ids. */
async function bumpGenerations(db: Db, workspaceId: string, collectionIds: readonly string[]): Promise<void> {
  if (collectionIds.length === 0) return;
  await db.query(
    `UPDATE dbrag.collections SET generation = generation + 1
     WHERE workspace_id = $1 AND id IN (
       SELECT id FROM dbrag.collections WHERE workspace_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE)`,
    [workspaceId, collectionIds],
  );
}
