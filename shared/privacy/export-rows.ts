import { openOrigin } from '../access/trail-origin.ts';
import type { Db } from '../core/database.ts';
import type { Archive } from './archive.ts';
import { type ArchiveTable, archiveTables } from './archive-tables.ts';
import type { ExportInput } from './export-job.ts';
import type { ExportPorts } from './export-ports.ts';

/** Rows that are fetched at once: the first ones of a table, and of small rows. */
const rowsAtFirst = 20;
const mostRowsAtOnce = 500;
/** About as much is fetched at once, in characters, so that the size of a table's rows does not decide how much memory they take. */
const charactersAtOnce = 512 * 1_024;

/**
 * Writes `tables/<name>.jsonl` for every table, as they all were at one moment: one REPEATABLE READ transaction, read by cursors. It is
 * the one transaction that waits for something else than the database: parts of the archive are sent while it is open, since rows of a
 * snapshot can be read in no other. The wait is for one part at most.
 */
export async function writeRows(
  { database, keys }: Pick<ExportPorts, 'database' | 'keys'>,
  archive: Archive,
  workspaceId: string,
  { scope, subject_id: subjectId }: ExportInput,
): Promise<{ readonly rows: number; readonly snapshotAt: string }> {
  let total = 0;
  let snapshotAt = '';
  await database.inSnapshot({ workspaceId }, async (db) => {
    // As text: a Date has no microseconds.
    snapshotAt = (await db.query<{ now: string }>(`SELECT to_json(now()) #>> '{}' AS now`)).rows[0]?.now ?? '';
    const found = await readKeys(db, workspaceId, keys);
    for (const table of archiveTables) {
      if (scope === 'subject' && !table.ofSubject) continue;
      const file = archive.begin(`tables/${table.table}.jsonl`, { compressed: true });
      for await (const lines of readLines(db, table, workspaceId, subjectId)) {
        const text = table.table === 'audit_events' ? opened(lines, workspaceId, found) : lines;
        total += lines.length;
        await file.write(Buffer.from(`${text.join('\n')}\n`));
      }
      await file.end();
    }
  });
  return { rows: total, snapshotAt };
}

async function* readLines(
  db: Db,
  { table, without = [], order, ofSubject }: ArchiveTable,
  workspaceId: string,
  subjectId: string | null,
): AsyncGenerator<readonly string[]> {
  // A cursor takes no parameters; these are UUIDs of our own.
  const own = `${table === 'workspaces' ? 'id' : 'workspace_id'} = '${uuid(workspaceId)}'`;
  const condition =
    subjectId !== null && ofSubject
      ? `${own} AND (${ofSubject.replaceAll('$subject', `'${uuid(subjectId)}'`).replaceAll('$workspace', `'${uuid(workspaceId)}'`)})`
      : own;
  await db.query(
    `DECLARE export_rows NO SCROLL CURSOR FOR SELECT (to_jsonb(t) - '{${without.join(',')}}'::text[])::text AS line
     FROM dbrag.${table} t WHERE ${condition} ORDER BY ${order}`,
  );
  for (let wanted = rowsAtFirst; ; ) {
    const { rows } = await db.query<{ line: string }>(`FETCH FORWARD ${wanted} FROM export_rows`);
    if (rows.length > 0) yield rows.map(({ line }) => line);
    if (rows.length < wanted) break;
    const characters = rows.reduce((sum, { line }) => sum + line.length, 0);
    wanted = Math.ceil(Math.min(mostRowsAtOnce, wanted * 4, (charactersAtOnce * wanted) / characters));
  }
  await db.query('CLOSE export_rows');
}

/** In the transaction of the snapshot: where a server has one session, another transaction would wait for this one for ever. */
async function readKeys(db: Db, workspaceId: string, keys: ExportPorts['keys']): Promise<ReadonlyMap<string, Buffer>> {
  if (!keys) return new Map();
  const { rows } = await db.query<{ holder: string; wrapped: Buffer }>(
    'SELECT holder, wrapped FROM dbrag.audit_keys WHERE workspace_id = $1',
    [workspaceId],
  );
  return keys.open(workspaceId, new Map(rows.map((row) => [row.holder, row.wrapped])));
}

/** Who and from where is handed out opened: the archive is for whoever may read it in the trail. */
function opened(lines: readonly string[], workspaceId: string, keys: ReadonlyMap<string, Buffer>): readonly string[] {
  const events = lines.map((line) => JSON.parse(line) as { holder: string | null; origin: string | null });
  return events.map(({ origin, ...event }) => {
    // `bytea` in JSON: \x and hexadecimal digits.
    const sealed = origin === null ? null : Buffer.from(origin.slice(2), 'hex');
    return JSON.stringify({ ...event, origin: openOrigin(keys, workspaceId, event.holder, sealed) });
  });
}

function uuid(text: string): string {
  if (!/^[0-9a-f-]{36}$/.test(text)) throw new TypeError('not a UUID');
  return text;
}
