import type { Db } from '../core/database.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { bumpGeneration } from './catalog.ts';
import { type Leased, releaseTables } from './catalog-lease.ts';
import type { Connection } from './connections.ts';
import type { Described } from './describe-with-model.ts';

/**
 * Stores what was found, where the lease still holds and rows may still be shown as they were when they were read.
 * @returns how many tables of the connection still have to be described
 */
export async function storeDescribed(
  db: Db,
  workspaceId: string,
  connection: Connection,
  jobId: string,
  described: readonly Described[],
): Promise<number> {
  // Spent, even if the connection was removed meanwhile.
  await recordUsage(
    db,
    workspaceId,
    described.flatMap(({ usage }) => (usage ? [{ operation: 'describe_table' as const, requests: 1, ...usage }] : [])),
  );
  // Held against a change of the connection, and against another worker that stores its last: one of the two sees that none is left.
  const { rows } = await db.query<{ send_rows_to_model: boolean }>(
    'SELECT send_rows_to_model FROM dbrag.connections WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE',
    [workspaceId, connection.id],
  );
  if (!rows[0]) return -1;
  const mayStore = rows[0].send_rows_to_model === connection.send_rows_to_model;
  const kept = mayStore ? described.filter(({ table }) => table !== undefined) : [];
  if (kept.length > 0) await storeDescriptions(db, workspaceId, connection.id, kept);
  const gone = described.filter(({ table }) => table === undefined).map(({ leased }) => leased);
  if (gone.length > 0) await dropTables(db, workspaceId, connection.id, gone);
  if (!mayStore)
    await releaseTables(
      db,
      workspaceId,
      connection.id,
      described.map(({ leased }) => leased),
    );
  await bumpGeneration(db, workspaceId, connection.id);
  const { rows: counted } = await db.query<{ left: number }>(
    `WITH remaining AS (
       SELECT count(*)::int AS "left" FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $2 AND status = 'listed'
     ), noted AS (
       UPDATE dbrag.jobs SET progress_done = greatest(0, progress_total - remaining."left"), why = NULL, nudged_at = now(), nudges = 0,
         deadline_at = greatest(deadline_at, now() + interval '1 hour')
       FROM remaining WHERE workspace_id = $1 AND id = $3 AND status = 'running'
     ) SELECT "left" FROM remaining`,
    [workspaceId, connection.id, jobId],
  );
  return counted[0]?.left ?? 0;
}

async function storeDescriptions(
  db: Db,
  workspaceId: string,
  connectionId: string,
  described: readonly Described[],
): Promise<void> {
  const rows = described.map(({ leased, table, text, error }) => ({
    schema_name: leased.schema,
    table_name: leased.table,
    tries: leased.tries,
    // As if its shape had changed: the next refresh finds it, and the model may describe it then.
    described_fingerprint: error?.code === 'quota_exceeded' ? null : leased.fingerprint,
    columns: table?.columns,
    primary_key: table?.primary_key,
    foreign_keys: table?.foreign_keys,
    comment: table?.comment,
    samples: table?.samples,
    description: text,
    description_error: error,
  }));
  await db.query(
    `UPDATE dbrag.catalog_tables c SET columns = d.columns, foreign_keys = d.foreign_keys, comment = d.comment,
       primary_key = ARRAY(SELECT jsonb_array_elements_text(d.primary_key)), samples = nullif(d.samples, 'null'::jsonb),
       description = CASE WHEN c.edited THEN c.description ELSE coalesce(d.description, c.description) END,
       description_error = CASE WHEN NOT c.edited THEN nullif(d.description_error, 'null'::jsonb) END,
       described_fingerprint = d.described_fingerprint, status = 'described', leased_until = NULL, tries = 0, refreshed_at = now()
     FROM jsonb_to_recordset($3::jsonb) AS d (schema_name text, table_name text, tries int, described_fingerprint text, columns jsonb,
       primary_key jsonb, foreign_keys jsonb, comment text, samples jsonb, description text, description_error jsonb)
     WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.schema_name = d.schema_name AND c.table_name = d.table_name
       AND c.status = 'listed' AND c.tries = d.tries`,
    [workspaceId, connectionId, storable(rows)],
  );
}

/** As JSON that Postgres takes: a customer's text may hold what is no well-formed Unicode. U+0000 cannot come out of a Postgres. */
function storable(value: unknown): string {
  return JSON.stringify(value, (_, member) => (typeof member === 'string' ? member.toWellFormed() : member));
}

async function dropTables(db: Db, workspaceId: string, connectionId: string, tables: readonly Leased[]): Promise<void> {
  await db.query(
    `DELETE FROM dbrag.catalog_tables c USING unnest($3::text[], $4::text[]) AS gone (schema_name, table_name)
     WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.schema_name = gone.schema_name AND c.table_name = gone.table_name`,
    [workspaceId, connectionId, tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
}
