import type { Database } from '../core/database.ts';
import { parseUploadKey } from './object-keys.ts';
import { type RegisterUploadPorts, registerUpload } from './register-upload.ts';
import { isSidecar } from './upload-sidecar.ts';

/** Pages of 1,000 keys a night: a larger bucket is walked over several nights, from where the last one stopped. */
const pagesPerRun = 200;
/** A sidecar has no row that shows that it was registered: it is registered again while it is young, which is harmless. */
const youngMilliseconds = 48 * 3_600_000;
const origin = { requestId: 'nightly', ip: null, userAgent: null };

export interface FindMissedUploadsPorts extends RegisterUploadPorts {
  /** One file could not be registered; it is tried again the next night. */
  readonly onFailed: (key: string, error: unknown) => void;
}

/**
 * Registers uploads that no event reported: for files in the bucket, the object is the truth. S3 delivers events at least once in
 * practice, but does not promise it. A file that cannot be registered now (its document is being deleted, say) does not hold up others.
 * @param hasTime checked before each page, and after each file that is registered
 * @returns how many were registered
 */
export async function findMissedUploads(
  ports: FindMissedUploadsPorts,
  hasTime: () => boolean = () => true,
): Promise<number> {
  let cursor = await readCursor(ports.database);
  let found = 0;
  for (let page = 0; page < pagesPerRun && hasTime(); page++) {
    const objects = await ports.objects.list('uploads/', cursor);
    const missed = new Set(await withoutVersion(ports.database, objects.filter(mayBeMissed(ports.clock.now()))));
    cursor = objects.at(-1)?.key;
    for (const { key } of objects) {
      if (!missed.has(key)) continue;
      if (await registerMissed(ports, key)) found++;
      if (hasTime()) continue;
      cursor = key;
      break;
    }
    await writeCursor(ports.database, cursor);
    if (cursor === undefined) break;
  }
  return found;
}

/** Registers an object that no event reported. @returns false if that was not possible now, which is reported */
export async function registerMissed(ports: FindMissedUploadsPorts, key: string): Promise<boolean> {
  try {
    await registerUpload(ports, { bucket: '', key, versionId: undefined, bytes: undefined, origin });
    return true;
  } catch (error) {
    ports.onFailed(key, error);
    return false;
  }
}

function mayBeMissed(now: Date): (object: { key: string; modifiedAt: Date }) => boolean {
  return ({ key, modifiedAt }) => !isSidecar(key) || now.getTime() - modifiedAt.getTime() < youngMilliseconds;
}

/** Keys under a workspace's prefix that no version was made from since they were written. */
async function withoutVersion(
  database: Database,
  objects: readonly { key: string; modifiedAt: Date }[],
): Promise<string[]> {
  const byWorkspace = Map.groupBy(
    objects.filter(({ key }) => parseUploadKey(key) !== undefined),
    ({ key }) => parseUploadKey(key)?.workspaceId as string,
  );
  const missed: string[] = [];
  for (const [workspaceId, listed] of byWorkspace) {
    const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ key: string }>(
        `SELECT o.key FROM unnest($2::text[], $3::timestamptz[]) AS o (key, modified_at)
         WHERE NOT EXISTS (
           SELECT FROM dbrag.document_versions v
           WHERE v.workspace_id = $1 AND v.s3_key = o.key AND v.s3_version_id IS NOT NULL AND v.created_at >= o.modified_at - interval '1 hour')`,
        [workspaceId, listed.map(({ key }) => key), listed.map(({ modifiedAt }) => modifiedAt)],
      ),
    );
    missed.push(...rows.map((row) => row.key));
  }
  return missed;
}

async function readCursor(database: Database): Promise<string | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ objects_cursor: string | null }>('SELECT objects_cursor FROM dbrag.sweep_state'),
  );
  return rows[0]?.objects_cursor ?? undefined;
}

async function writeCursor(database: Database, cursor: string | undefined): Promise<void> {
  await database.inSystem((db) => db.query('UPDATE dbrag.sweep_state SET objects_cursor = $1', [cursor ?? null]));
}
