import type { Db } from '../core/database.ts';
import { type Connection, getConnection } from './connections.ts';
import type { DescribeTableMessage } from './describe-table.message.ts';

/** A table that one worker describes. */
export interface Leased {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly edited: boolean;
  readonly fingerprint: string;
  /** Also the fence: a later lease has another number. */
  readonly tries: number;
}

export interface Begun {
  readonly connection: Connection;
  readonly tables: readonly Leased[];
}

/**
 * Leases those of the tables that still have to be described and that nobody else holds.
 * @param seconds that the invocation has left: the lease ends with it, and its message is redelivered later than that
 * @returns undefined when there is nothing to do: it is done, somebody else is doing it, or it is no longer wanted
 */
export async function leaseTables(
  db: Db,
  workspaceId: string,
  connectionId: string,
  jobId: string,
  messages: readonly DescribeTableMessage[],
  seconds: number,
): Promise<Begun | undefined> {
  const { count } = await db.query(
    `SELECT FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2 AND connection_id = $3 AND status IN ('queued', 'running')`,
    [workspaceId, jobId, connectionId],
  );
  if (count === 0) return undefined;
  const { rows } = await db.query<Leased>(
    `WITH free AS (
       SELECT c.schema_name, c.table_name FROM dbrag.catalog_tables c
       JOIN unnest($3::text[], $4::text[]) AS wanted (schema_name, table_name) USING (schema_name, table_name)
       WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.status = 'listed' AND (c.leased_until IS NULL OR c.leased_until < now())
       ORDER BY c.name FOR UPDATE OF c SKIP LOCKED
     )
     UPDATE dbrag.catalog_tables c SET leased_until = now() + make_interval(secs => $5), tries = c.tries + 1
     FROM free WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.schema_name = free.schema_name AND c.table_name = free.table_name
     RETURNING c.schema_name AS schema, c.table_name AS "table", c.name, c.edited, c.fingerprint, c.tries`,
    [workspaceId, connectionId, messages.map(({ schema }) => schema), messages.map(({ table }) => table), seconds],
  );
  if (rows.length === 0) return undefined;
  return { connection: await getConnection(db, workspaceId, connectionId), tables: rows };
}

/** Releases tables. @param isSpent false: it does not count as a failed attempt */
export async function releaseTables(
  db: Db,
  workspaceId: string,
  connectionId: string,
  tables: readonly Leased[],
  isSpent = true,
): Promise<void> {
  await db.query(
    `UPDATE dbrag.catalog_tables c SET leased_until = NULL, tries = c.tries - ${isSpent ? 0 : 1} FROM (
       SELECT h.schema_name, h.table_name FROM dbrag.catalog_tables h
       JOIN unnest($3::text[], $4::text[], $5::int[]) AS held (schema_name, table_name, tries) USING (schema_name, table_name, tries)
       WHERE h.workspace_id = $1 AND h.connection_id = $2 ORDER BY h.name FOR UPDATE OF h) held
     WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.schema_name = held.schema_name AND c.table_name = held.table_name`,
    [
      workspaceId,
      connectionId,
      tables.map(({ schema }) => schema),
      tables.map(({ table }) => table),
      tables.map(({ tries }) => tries),
    ],
  );
}
