import { walkWorkspaces } from '../access/walk-workspaces.ts';
import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { type FindMissedUploadsPorts, registerMissed } from './find-missed-uploads.ts';
import { isKnownBucket } from './known-bucket.ts';
import { parseUploadKey } from './object-keys.ts';

/** As many keys as a page of the listing has. */
const documentsAtOnce = 1_000;
/** Slices of documents a night; the following nights continue where this one stopped. */
const slicesPerRun = 200;
const strangeBucket =
  'The bucket holds none of the newest files: it is another one, or was emptied. No document was deleted; see the runbook.';

/**
 * Deletes documents of uploads whose object was removed without an event. The listing only says which keys to check: each object is
 * looked up once more before its document is touched. Posted documents and announced files that have not arrived are not affected. A
 * bucket that holds none of the newest files is not the bucket of these rows, so nothing is deleted.
 * @param hasTime checked before each slice, and after each key without an object
 * @returns how many keys were found without an object
 */
export async function findMissedDeletions(
  ports: FindMissedUploadsPorts,
  hasTime: () => boolean = () => true,
): Promise<number> {
  const { database } = ports;
  let cursor = await readCursor(database);
  let found = 0;
  let slices = 0;
  let isKnown: boolean | undefined;
  for await (const workspaceId of workspacesFrom(database, cursor)) {
    for (;;) {
      if (slices++ >= slicesPerRun || !hasTime()) return found;
      const after = workspaceOf(cursor) === workspaceId ? cursor : undefined;
      const keys = await uploadsAfter(database, workspaceId, after);
      const listed = await listAround(ports.objects, keys);
      const missing = keys.filter((key) => !listed.has(key));
      if (missing.length > 0) isKnown ??= await isKnownBucket(database, ports.objects);
      if (isKnown === false) {
        ports.onFailed(missing[0] as string, new Error(strangeBucket));
        return found;
      }
      for (const key of missing) {
        if (await registerMissed(ports, key)) found++;
        if (hasTime()) continue;
        await writeCursor(database, key);
        return found;
      }
      cursor = keys.at(-1) ?? cursor;
      await writeCursor(database, cursor);
      if (keys.length < documentsAtOnce) break;
    }
  }
  await writeCursor(database, undefined);
  return found;
}

function workspaceOf(key: string | undefined): string | undefined {
  return key === undefined ? undefined : parseUploadKey(key)?.workspaceId;
}

/** All workspaces, or the one that a key belongs to and those after it. */
async function* workspacesFrom(database: Database, key: string | undefined): AsyncGenerator<string> {
  const first = workspaceOf(key);
  if (first !== undefined) yield first;
  yield* walkWorkspaces(database, first);
}

/** Keys whose current version has been seen in the bucket, in S3's order: by their bytes. */
async function uploadsAfter(database: Database, workspaceId: string, after: string | undefined): Promise<string[]> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ key: string }>(
      `SELECT v.s3_key COLLATE "C" AS key FROM dbrag.documents d
       JOIN dbrag.collections c ON c.workspace_id = $1 AND c.id = d.collection_id AND c.status = 'active'
       JOIN dbrag.document_versions v ON v.workspace_id = $1 AND v.document_id = d.id AND v.version = d.version
       WHERE d.workspace_id = $1 AND d.status NOT IN ('deleting', 'awaiting_upload') AND d.source_uri = 's3://' || v.s3_key
         AND v.s3_key LIKE 'uploads/%' AND v.s3_version_id IS NOT NULL AND v.status <> 'awaiting_upload'
         AND ($2::text IS NULL OR v.s3_key COLLATE "C" > $2)
       ORDER BY 1 LIMIT $3`,
      [workspaceId, after ?? null, documentsAtOnce],
    ),
  );
  return rows.map(({ key }) => key);
}

/** The keys that the bucket holds from the first to the last of these, and perhaps some around them. */
async function listAround(objects: ObjectStore, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const [first, last] = [keys[0], keys.at(-1)];
  const listed = new Set<string>();
  if (first === undefined || last === undefined) return listed;
  // A listing begins after a key: the folder of the first key is certain to sort before it.
  let after: string | undefined = first.slice(0, first.lastIndexOf('/'));
  while (after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(last)) < 0) {
    const page = await objects.list('uploads/', after);
    for (const { key } of page) listed.add(key);
    after = page.at(-1)?.key;
  }
  return listed;
}

async function readCursor(database: Database): Promise<string | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ deletions_cursor: string | null }>('SELECT deletions_cursor FROM dbrag.sweep_state'),
  );
  return rows[0]?.deletions_cursor ?? undefined;
}

async function writeCursor(database: Database, cursor: string | undefined): Promise<void> {
  await database.inSystem((db) => db.query('UPDATE dbrag.sweep_state SET deletions_cursor = $1', [cursor ?? null]));
}
