import type { Database, Db } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { lockDocuments } from './set-version-status.ts';

export interface RemoveVersionsPorts {
  readonly database: Database;
  readonly objects: Pick<ObjectStore, 'delete'>;
  readonly failpoint: Failpoint;
}

export interface Removal {
  /** Seconds for which a version stays readable after it was retired: citations of a moment ago point into it. */
  readonly graceSeconds: number;
  /** Whether another step may be started: checked after each, so that every run completes at least one. */
  readonly hasTime: () => boolean;
}

/** Rows of one transaction: a vector in an ANN index costs milliseconds to take out again, and the document is locked. */
export const rowsAtOnce = 2_000;
const documentsAtOnce = 200;

/**
 * Removes what is left of versions that have served nobody for longer than their grace period: placements, then the texts that no
 * version places, with their vectors, then the files that were posted. The row of the version stays. Each step locks its document and
 * decides in that same transaction what is wanted no more, so a text that is placed again at this very moment is kept or, when it had
 * gone, stored again.
 * @returns false when time ran out before everything was removed
 */
export async function removeVersions(
  ports: RemoveVersionsPorts,
  workspaceId: string,
  removal: Removal,
): Promise<boolean> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const documents = await ports.database.inWorkspace({ workspaceId }, (db) =>
      findDocuments(db, workspaceId, removal.graceSeconds, after),
    );
    for (const documentId of documents) {
      if (!(await removeFromDocument(ports, { workspaceId, documentId }, removal))) return false;
      after = documentId;
    }
    if (documents.length < documentsAtOnce) return true;
  }
}

async function findDocuments(db: Db, workspaceId: string, graceSeconds: number, after: string): Promise<string[]> {
  const { rows } = await db.query<{ document_id: string }>(
    `SELECT DISTINCT document_id FROM dbrag.document_versions
     WHERE workspace_id = $1 AND removed_at IS NULL AND retired_at <= now() - make_interval(secs => $2) AND document_id > $3
     ORDER BY document_id LIMIT $4`,
    [workspaceId, graceSeconds, after, documentsAtOnce],
  );
  return rows.map((row) => row.document_id);
}

interface Owner {
  readonly workspaceId: string;
  readonly documentId: string;
}

async function removeFromDocument(ports: RemoveVersionsPorts, owner: Owner, removal: Removal): Promise<boolean> {
  const step = <Result>(work: (db: Db, versions: readonly number[]) => Promise<Result>): Promise<Result | undefined> =>
    ports.database.inWorkspace(owner, async (db) => {
      const versions = await lockDue(db, owner, removal.graceSeconds);
      return versions.length > 0 ? work(db, versions) : undefined;
    });
  for (const remove of [removePlacements, removeUnplacedChunks]) {
    while ((await step((db, versions) => remove(db, owner, versions))) === rowsAtOnce)
      if (!removal.hasTime()) return false;
  }
  await ports.failpoint.reach('remove.before_s3');
  const left = await step((db, versions) => findFiles(db, owner, versions));
  if (left === undefined) return true;
  if (left.files.length > 0) await ports.objects.delete(left.files);
  await ports.failpoint.reach('remove.after_s3');
  while ((await step((db, versions) => markRemoved(db, owner, versions.filter(isOneOf(left.versions))))) === rowsAtOnce)
    if (!removal.hasTime()) return false;
  return removal.hasTime();
}

/**
 * Nobody else writes to the document until the end of the transaction.
 * @returns the versions that are to be removed, never the live one whatever its row says; none of a document that is being deleted, or that a worker stores texts of which stand
 * nowhere yet: its own end will be followed by another removal
 */
async function lockDue(db: Db, { workspaceId, documentId }: Owner, graceSeconds: number): Promise<readonly number[]> {
  if ((await lockDocuments(db, workspaceId, [documentId])).length === 0) return [];
  const { rows } = await db.query<{ version: number }>(
    `SELECT version FROM dbrag.document_versions
     WHERE workspace_id = $1 AND document_id = $2 AND removed_at IS NULL AND retired_at <= now() - make_interval(secs => $3)
       AND version IS DISTINCT FROM (SELECT live_version FROM dbrag.documents WHERE workspace_id = $1 AND id = $2)
       AND NOT EXISTS (
         SELECT FROM dbrag.document_versions
         WHERE workspace_id = $1 AND document_id = $2 AND status = 'processing' AND content_hash IS NULL)
     ORDER BY version`,
    [workspaceId, documentId, graceSeconds],
  );
  return rows.map((row) => row.version);
}

async function removePlacements(
  db: Db,
  { workspaceId, documentId }: Owner,
  versions: readonly number[],
): Promise<number> {
  const { count } = await db.query(
    `DELETE FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND (version, ordinal) IN (
       SELECT version, ordinal FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = ANY($3::int[]) LIMIT $4)`,
    [workspaceId, documentId, versions, rowsAtOnce],
  );
  return count;
}

/** EXCEPT and not an anti-join, for the sake of tables that were never analysed: see `findComplete`. */
export async function removeUnplacedChunks(db: Db, { workspaceId, documentId }: Owner): Promise<number> {
  const { rows } = await db.query<{ content_hash: Buffer }>(
    `DELETE FROM dbrag.chunks WHERE workspace_id = $1 AND document_id = $2 AND content_hash = ANY (ARRAY(
       SELECT content_hash FROM dbrag.chunks WHERE workspace_id = $1 AND document_id = $2
       EXCEPT
       SELECT content_hash FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2
       LIMIT $3))
     RETURNING content_hash`,
    [workspaceId, documentId, rowsAtOnce],
  );
  if (rows.length === 0) return 0;
  const hashes = rows.map((row) => row.content_hash);
  for (const table of ['embeddings', 'pending_embeddings'])
    await db.query(
      `DELETE FROM dbrag.${table} WHERE workspace_id = $1 AND document_id = $2 AND content_hash = ANY ($3::bytea[])`,
      [workspaceId, documentId, hashes],
    );
  return rows.length;
}

interface Left {
  readonly versions: readonly number[];
  /** Keys of posted files that are no longer needed. */
  readonly files: readonly string[];
}

/**
 * Old bytes of an upload belong to the bucket's lifecycle rule. The file of the newest version stays even when it has failed, since it
 * can be tried again, and so does one that another version is made of too.
 */
async function findFiles(db: Db, { workspaceId, documentId }: Owner, versions: readonly number[]): Promise<Left> {
  const { rows } = await db.query<{ s3_key: string }>(
    `SELECT DISTINCT v.s3_key FROM dbrag.document_versions v
     JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = v.document_id
     WHERE v.workspace_id = $1 AND v.document_id = $2 AND v.version = ANY($3::int[]) AND v.s3_key LIKE 'content/%'
       AND NOT EXISTS (
         SELECT FROM dbrag.document_versions o
         WHERE o.workspace_id = $1 AND o.document_id = $2 AND o.s3_key = v.s3_key
           AND (o.version = d.version OR o.retired_at IS NULL))`,
    [workspaceId, documentId, versions],
  );
  return { versions, files: rows.map((row) => row.s3_key) };
}

/**
 * A version counts as removed once no text of the document is left that stands nowhere. That is decided here and not before: since the
 * texts were removed, somebody else may have taken other placements away, or a worker may have kept this run from seeing any.
 * @returns texts that were left; as many as rows of one transaction: there may be more, and nothing was marked
 */
async function markRemoved(db: Db, owner: Owner, versions: readonly number[]): Promise<number> {
  const left = await removeUnplacedChunks(db, owner);
  if (left === rowsAtOnce) return left;
  await db.query(
    `UPDATE dbrag.document_versions v SET removed_at = now()
     WHERE v.workspace_id = $1 AND v.document_id = $2 AND v.version = ANY($3::int[])
       AND NOT EXISTS (
         SELECT FROM dbrag.placements p WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.version = v.version)`,
    [owner.workspaceId, owner.documentId, versions],
  );
  return left;
}

function isOneOf(versions: readonly number[]): (version: number) => boolean {
  return (version) => versions.includes(version);
}
