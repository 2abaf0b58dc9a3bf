import type { Database } from '../core/database.ts';
import { type CopyPorts, unsureMilliseconds } from './compare-documents.ts';
import { type CountedTable, countedTables } from './counted-tables.ts';

/** Rows of a workspace in one table that are older than the moment of the copy; of all ages where rows do not say how old they are. */
export interface ComparedCount {
  readonly table: string;
  readonly source: number;
  readonly copy: number;
  /** Rows come with the time and are never older than it: what the copy has less of was lost. */
  readonly lost: boolean;
}

/** Rows of a table that were counted in one of the two. */
export interface Counted {
  readonly rows: number;
  /** The key up to which they are; null: none yet, or all. */
  readonly upTo: readonly string[] | null;
  readonly isDone: boolean;
}

/** Where another call continues. */
export interface CountsPlace {
  readonly table: string;
  readonly source: Counted;
  readonly copy: Counted;
}

export interface ComparedCounts {
  /** Of the tables that came to their end. */
  readonly counts: readonly ComparedCount[];
  /** Null: the workspace is done. */
  readonly next: CountsPlace | null;
}

export interface CountsOptions {
  /** Where the call before ended; null: at the first table. */
  readonly place: CountsPlace | null;
  /** Asked after each slice, so that every call counts one. */
  readonly hasTime: () => boolean;
  /** Of one statement. */
  readonly rowsAtOnce?: number;
}

const nothing: Counted = { rows: 0, upTo: null, isDone: false };

/**
 * Counts a workspace's rows in both, table by table and in slices of the primary key, as far as there is time. Each database is walked by itself: what
 * was removed from one since would make slices of the other as large as that.
 */
export async function compareCounts(
  { source, copy, moment }: CopyPorts,
  workspaceId: string,
  { place, hasTime, rowsAtOnce = 50_000 }: CountsOptions,
): Promise<ComparedCounts> {
  const sure = new Date(moment.getTime() - unsureMilliseconds);
  const counts: ComparedCount[] = [];
  const tables = await countedTables(copy);
  const slice = { workspaceId, sure, rowsAtOnce };
  for (const table of tables.slice(
    Math.max(
      0,
      tables.findIndex(({ name }) => name === place?.table),
    ),
  )) {
    let [here, there] = place?.table === table.name ? [place.source, place.copy] : [nothing, nothing];
    for (;;) {
      [here, there] = await Promise.all([countOn(source, table, here, slice), countOn(copy, table, there, slice)]);
      if (here.isDone && there.isDone) break;
      if (!hasTime()) return { counts, next: { table: table.name, source: here, copy: there } };
    }
    const lost = table.made !== null && there.rows < here.rows;
    counts.push({ table: table.name, source: here.rows, copy: there.rows, lost });
    const after = tables[tables.indexOf(table) + 1];
    if (after && !hasTime()) return { counts, next: { table: after.name, source: nothing, copy: nothing } };
  }
  return { counts, next: null };
}

interface Slice {
  readonly workspaceId: string;
  /** Rows that were made until then are counted. */
  readonly sure: Date;
  readonly rowsAtOnce: number;
}

async function countOn(
  database: Database,
  table: CountedTable,
  before: Counted,
  { workspaceId, sure, rowsAtOnce }: Slice,
): Promise<Counted> {
  if (before.isDone) return before;
  const limit = table.keys.length === 0 ? null : rowsAtOnce;
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ read: number; counted: number; last: string[] | null }>(
      statementOf(table, before.upTo !== null),
      [workspaceId, sure, limit, before.upTo].slice(0, before.upTo === null ? 3 : 4),
    ),
  );
  const { read = 0, counted = 0, last = null } = rows[0] ?? {};
  const isDone = limit === null || read < limit;
  return { rows: before.rows + counted, upTo: isDone ? null : last, isDone };
}

/** Keys are kept as text, which the server reads as what it wrote. */
function statementOf({ name, made, keys }: CountedTable, goesOn: boolean): string {
  const columns = keys.map((key) => key.name);
  const upTo = keys.map(({ type }, at) => `($4::text[])[${at + 1}]::${type}`);
  const isCounted = made === null ? '$2::timestamptz IS NOT NULL' : `${made} <= $2::timestamptz`;
  const last = `SELECT ARRAY[${columns.map((column) => `${column}::text`)}] FROM slice ORDER BY ${columns.map((column) => `${column} DESC`)} LIMIT 1`;
  return `
    WITH slice AS (
      SELECT ${[...columns, `${isCounted} AS is_counted`]} FROM ${name}
      WHERE workspace_id = $1${goesOn ? ` AND (${columns}) > (${upTo})` : ''}
      ${columns.length === 0 ? '' : `ORDER BY ${columns}`} LIMIT $3
    )
    SELECT count(*)::int AS read, count(*) FILTER (WHERE is_counted)::int AS counted, ${columns.length === 0 ? 'NULL' : `(${last})`} AS last
    FROM slice`;
}
