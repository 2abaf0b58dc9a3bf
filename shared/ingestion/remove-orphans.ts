import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import { tryParsePublicId } from '../core/ids.ts';
import type { ObjectStore } from '../core/object-store.ts';

export interface RemoveOrphansPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

/** Pages of 1,000 keys a night: a larger bucket is walked over several nights, from where the last one stopped. */
const pagesPerRun = 200;
/** Far longer than any request takes between its object and its row. */
const youngMilliseconds = 48 * 3_600_000;
const postedKey = /^content\/(ws_[0-9a-f]{32})\/[0-9a-f-]{36}$/;

/**
 * Removes objects of posted documents that have no version: the object is stored before the rows, and a request that was refused, was
 * a replay or died in between left it behind.
 * @param hasTime asked before each page
 * @returns how many were removed
 */
export async function removeOrphans(
  { database, objects, clock }: RemoveOrphansPorts,
  hasTime: () => boolean = () => true,
): Promise<number> {
  const oldest = clock.now().getTime() - youngMilliseconds;
  let cursor = await readCursor(database);
  let removed = 0;
  for (let page = 0; page < pagesPerRun && hasTime(); page++) {
    const listed = await objects.list('content/', cursor);
    const orphans = await withoutVersion(
      database,
      listed.filter(({ modifiedAt }) => modifiedAt.getTime() < oldest).map(({ key }) => key),
    );
    if (orphans.length > 0) await objects.delete(orphans);
    removed += orphans.length;
    cursor = listed.at(-1)?.key;
    await writeCursor(database, cursor);
    if (cursor === undefined) break;
  }
  return removed;
}

async function withoutVersion(database: Database, keys: readonly string[]): Promise<string[]> {
  const orphans: string[] = [];
  for (const [workspaceId, own] of Map.groupBy(keys, workspaceOf)) {
    if (workspaceId === undefined) continue;
    const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ key: string }>(
        `SELECT o.key FROM unnest($2::text[]) AS o (key)
         WHERE NOT EXISTS (SELECT FROM dbrag.document_versions v WHERE v.workspace_id = $1 AND v.s3_key = o.key)`,
        [workspaceId, own],
      ),
    );
    orphans.push(...rows.map((row) => row.key));
  }
  return orphans;
}

/** Undefined for a key that no posted document has: it is not ours to judge. */
function workspaceOf(key: string): string | undefined {
  const workspace = postedKey.exec(key)?.[1];
  return workspace === undefined ? undefined : tryParsePublicId('workspace', workspace);
}

async function readCursor(database: Database): Promise<string | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ orphans_cursor: string | null }>('SELECT orphans_cursor FROM dbrag.sweep_state'),
  );
  return rows[0]?.orphans_cursor ?? undefined;
}

async function writeCursor(database: Database, cursor: string | undefined): Promise<void> {
  await database.inSystem((db) => db.query('UPDATE dbrag.sweep_state SET orphans_cursor = $1', [cursor ?? null]));
}
