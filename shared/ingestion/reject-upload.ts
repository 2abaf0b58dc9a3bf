import type { Database } from '../core/database.ts';
import { parseUploadKey } from './object-keys.ts';

/** An object as an event describes it. */
export interface UploadedObject {
  readonly bucket: string;
  /** Decoded. */
  readonly key: string;
  readonly versionId: string | undefined;
  readonly bytes: number | undefined;
}

export interface RejectUploadPorts {
  readonly database: Database;
  readonly onRejected: (key: string, reason: string) => void;
}

/** Records an object whose key names no workspace and collection, so that it is listed once, however often its event comes. */
export async function rejectUpload({ database, onRejected }: RejectUploadPorts, object: UploadedObject): Promise<void> {
  const named = parseUploadKey(object.key);
  if (named && (await isErased(database, named.workspaceId))) return;
  const shownKey = object.key.replaceAll('\0', '\uFFFD');
  const reason = named ? 'unknown workspace or collection' : 'not under uploads/<workspace>/<collection>/';
  onRejected(shownKey, reason);
  await database.inSystem((db) =>
    db.query(
      `INSERT INTO dbrag.rejected_uploads (bucket, s3_key, s3_version_id, bytes, reason) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (bucket, s3_key, s3_version_id) DO NOTHING`,
      [object.bucket, shownKey, object.versionId ?? '', object.bytes ?? null, reason],
    ),
  );
}

/** Of an erased workspace nothing is listed again; the object itself is removed where its erasure is settled. */
async function isErased(database: Database, workspaceId: string): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query('SELECT FROM dbrag.erasures WHERE erased_workspace = $1', [workspaceId]),
  );
  return count > 0;
}
