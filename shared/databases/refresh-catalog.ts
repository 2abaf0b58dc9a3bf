import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { sendNudges, type WorkQueue } from '../core/work-queue.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import type { DatabaseClient } from './ask-database.ts';
import { bumpGeneration } from './catalog.ts';
import { embedCatalogNudge, refreshNudge } from './catalog-jobs.ts';
import { type Connection, getConnection, noteExamination } from './connections.ts';
import { describeTableNudge } from './describe-table.message.ts';
import { type ListedTable, mostTables } from './list-tables.ts';

export interface CatalogPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly client: DatabaseClient;
}

/** A database that does not answer is asked this often, then the job ends with the reason. */
const mostAttempts = 20;
const retrySeconds = 30;
const longestListingMilliseconds = 50_000;

interface Refresh {
  readonly connection: Connection;
  readonly attempts: number;
  readonly isListed: boolean;
}

/**
 * Continues a refresh, wherever it is: lists the tables if nobody did, sends a message for each that still has to be described,
 * and has the vectors computed when none is left. Idempotent.
 * @param remainingTime milliseconds until the invocation is ended
 */
export async function refreshCatalog(
  ports: CatalogPorts,
  workspaceId: string,
  jobId: string,
  remainingTime: () => number,
): Promise<void> {
  const { database, queue } = ports;
  const refresh = await database.inWorkspace({ workspaceId }, (db) => resume(db, workspaceId, jobId));
  if (!refresh) return;
  const { connection } = refresh;
  if (!refresh.isListed && !(await list(ports, workspaceId, jobId, refresh, remainingTime))) return;
  const waiting = await database.inWorkspace({ workspaceId }, (db) => waitingTables(db, workspaceId, connection.id));
  if (waiting.length === 0) return void (await sendNudges(queue, [embedCatalogNudge(workspaceId, jobId)]));
  const about = { workspace_id: workspaceId, connection_id: connection.id, job_id: jobId };
  const free = waiting.filter(({ leased }) => !leased);
  await queue.send(
    'catalog',
    free.map(({ schema, table }) => describeTableNudge({ ...about, schema, table })),
  );
}

/** @returns undefined when the job has ended, or its connection was removed */
async function resume(db: Db, workspaceId: string, jobId: string): Promise<Refresh | undefined> {
  if (!(await startJob(db, workspaceId, jobId, 'update_metadata_catalog', 'Reading the tables of the database.')))
    return undefined;
  const { rows } = await db.query<{ connection_id: string | null; attempts: number; listed: boolean }>(
    `SELECT connection_id, attempts, coalesce((input ->> 'listed')::boolean, false) AS listed FROM dbrag.jobs
     WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId],
  );
  const row = rows[0];
  if (!row?.connection_id) return undefined;
  const connection = await getConnection(db, workspaceId, row.connection_id).catch((error: unknown) => {
    if (error instanceof DbragError && error.code === 'not_found') return undefined;
    throw error;
  });
  if (connection) return { connection, attempts: row.attempts, isListed: row.listed };
  await finishJob(db, workspaceId, jobId, { status: 'cancelled', why: 'The connection was removed.' });
  return undefined;
}

/** @returns false when the database could not be reached: the job has ended, or will be retried */
async function list(
  { database, queue, clock, client }: CatalogPorts,
  workspaceId: string,
  jobId: string,
  { connection, attempts }: Refresh,
  remainingTime: () => number,
): Promise<boolean> {
  const deadline = clock.now().getTime() + Math.min(longestListingMilliseconds, remainingTime() - 2_000);
  let version: string;
  let tables: readonly ListedTable[];
  try {
    ({ server_version: version } = await client.examine(workspaceId, connection, deadline));
    tables = await client.listTables(workspaceId, connection, deadline);
  } catch (error) {
    if (!(error instanceof DbragError)) throw error;
    const comesAgain = error.retryable && attempts < mostAttempts;
    await database.inWorkspace({ workspaceId }, (db) =>
      noteFailure(db, workspaceId, jobId, connection.id, error, comesAgain),
    );
    if (comesAgain) await sendNudges(queue, [refreshNudge(workspaceId, jobId, retrySeconds)]);
    return false;
  }
  await database.inWorkspace({ workspaceId }, async (db) => {
    await storeListing(db, workspaceId, connection.id, jobId, tables);
    await noteExamination(db, workspaceId, connection.id, { serverVersion: version });
  });
  return true;
}

/** On the connection, and in the job: which ends with it, or says what it waits for. */
async function noteFailure(
  db: Db,
  workspaceId: string,
  jobId: string,
  connectionId: string,
  { code, message }: DbragError,
  comesAgain: boolean,
): Promise<void> {
  await noteExamination(db, workspaceId, connectionId, { error: { code, message } });
  if (!comesAgain) {
    await finishJob(db, workspaceId, jobId, { status: 'failed', error: { code, message } });
    return;
  }
  await db.query('UPDATE dbrag.jobs SET why = $3 WHERE workspace_id = $1 AND id = $2', [
    workspaceId,
    jobId,
    `${message} It is asked again soon.`,
  ]);
}

/**
 * Synchronises the catalog's list with the database: new and changed tables become `listed`, missing ones are removed, the others are
 * not touched. One transaction, with the note in the job that it was done.
 */
async function storeListing(
  db: Db,
  workspaceId: string,
  connectionId: string,
  jobId: string,
  listed: readonly ListedTable[],
): Promise<void> {
  const tables = listed.slice(0, mostTables);
  const { rows } = await db.query<{ gone: number; changed: number }>(
    `WITH found AS (
       SELECT * FROM jsonb_to_recordset($3::jsonb) AS f (schema text, "table" text, name text, kind text, row_estimate float8, fingerprint text)
     ), gone AS (
       DELETE FROM dbrag.catalog_tables c WHERE c.workspace_id = $1 AND c.connection_id = $2
         AND NOT EXISTS (SELECT FROM found f WHERE f.schema = c.schema_name AND f."table" = c.table_name) RETURNING 1
     ), stored AS (
       INSERT INTO dbrag.catalog_tables AS c (workspace_id, connection_id, schema_name, table_name, name, kind, row_estimate, fingerprint)
       SELECT $1, $2, schema, "table", name, kind, row_estimate::bigint, fingerprint FROM found
       ON CONFLICT (workspace_id, connection_id, schema_name, table_name) DO UPDATE SET name = excluded.name, kind = excluded.kind,
         row_estimate = excluded.row_estimate, fingerprint = excluded.fingerprint, tries = 0,
         status = CASE WHEN c.described_fingerprint = excluded.fingerprint THEN c.status ELSE 'listed' END
       WHERE (c.name, c.kind, c.fingerprint) IS DISTINCT FROM (excluded.name, excluded.kind, excluded.fingerprint)
         OR c.row_estimate IS DISTINCT FROM excluded.row_estimate
         OR (c.status = 'described' AND c.described_fingerprint IS DISTINCT FROM excluded.fingerprint)
       RETURNING 1
     ) SELECT (SELECT count(*) FROM gone)::int AS gone, (SELECT count(*) FROM stored)::int AS changed`,
    [workspaceId, connectionId, JSON.stringify(tables)],
  );
  const { gone = 0, changed = 0 } = rows[0] ?? {};
  if (gone + changed > 0) await bumpGeneration(db, workspaceId, connectionId);
  const input = { listed: true, tables: tables.length, removed: gone, left_out: listed.length > mostTables };
  await db.query(
    `UPDATE dbrag.jobs SET input = $3, attempts = 1, why = NULL, progress_done = 0, progress_unit = 'tables', progress_total = (
       SELECT count(*) FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $4 AND status = 'listed')
     WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId, input, connectionId],
  );
}

async function waitingTables(db: Db, workspaceId: string, connectionId: string) {
  const { rows } = await db.query<{ schema: string; table: string; leased: boolean }>(
    `SELECT schema_name AS schema, table_name AS "table", coalesce(leased_until > now(), false) AS leased FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND connection_id = $2 AND status = 'listed' ORDER BY name`,
    [workspaceId, connectionId],
  );
  return rows;
}
