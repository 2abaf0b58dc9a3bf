import type { Db } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { uploadPrefix } from './object-keys.ts';
import { sidecarOf } from './upload-sidecar.ts';

export interface DocumentObject {
  readonly key: string;
  /** S3's version ids that this document was made from. */
  readonly versionIds: readonly string[];
}

export async function findObjects(db: Db, workspaceId: string, documentId: string): Promise<readonly DocumentObject[]> {
  const { rows } = await db.query<{ s3_key: string; versions: string[] }>(
    `SELECT s3_key, array_remove(array_agg(s3_version_id), NULL) AS versions
     FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2 GROUP BY s3_key`,
    [workspaceId, documentId],
  );
  return rows.map((row) => ({ key: row.s3_key, versionIds: row.versions }));
}

/**
 * Removes what a document was made from, and the sidecars beside it. An upload is anybody's key: where somebody has put another file
 * there meanwhile, that file is the source of a document to come and stays.
 */
export async function removeObjects(objects: ObjectStore, found: readonly DocumentObject[]): Promise<void> {
  const keys: string[] = [];
  for (const { key, versionIds } of found) {
    if (!key.startsWith('uploads/')) {
      keys.push(key);
      continue;
    }
    const head = await objects.head(key);
    if (head && !(head.versionId === undefined || versionIds.includes(head.versionId))) continue;
    if (head) keys.push(key);
    if (await objects.head(sidecarOf(key))) keys.push(sidecarOf(key));
  }
  if (keys.length > 0) await objects.delete(keys);
  // The bucket keeps old versions: only deletion by version id is permanent.
  for (const { key, versionIds } of found) {
    if (!key.startsWith('uploads/')) await objects.purge(key);
    else if (versionIds.length > 0) await objects.purge(key, versionIds);
  }
}

/**
 * Removes what still lies under a collection's prefix: files whose events had not come when it was deleted.
 * @param hasTime asked after each page of 1,000 keys
 * @returns whether nothing is left
 */
export async function removeUploads(
  objects: ObjectStore,
  workspaceId: string,
  collectionId: string,
  hasTime: () => boolean,
): Promise<boolean> {
  for (;;) {
    const listed = await objects.list(uploadPrefix(workspaceId, collectionId));
    if (listed.length === 0) return true;
    await objects.delete(listed.map(({ key }) => key));
    if (!hasTime()) return false;
  }
}
