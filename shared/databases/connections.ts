import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { Failure } from '../jobs/jobs.ts';
import { quotaExceeded, type WorkspaceQuotas } from '../limits/quotas.ts';
import { holdAlone } from '../limits/stored-amounts.ts';
import type { Target } from './query-database.message.ts';

/** A database that a workspace has connected. */
export interface Connection {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly engine: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly database_name: string;
  readonly user_name: string;
  readonly authentication: 'password' | 'iam';
  readonly ssl: Target['ssl'];
  readonly ca_certificate: string | null;
  /** Where the password is; null with IAM. */
  readonly secret_name: string | null;
  /** Null: all but the system's. */
  readonly schemas: readonly string[] | null;
  readonly tables_include: readonly string[];
  readonly tables_exclude: readonly string[];
  readonly send_rows_to_model: boolean;
  readonly server_version: string | null;
  readonly examined_at: Date | null;
  readonly error: Failure | null;
  /** Counts changes of the catalog: part of the keys of cached metadata. */
  readonly generation: number;
  readonly refreshed_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The settings of a connection that a caller may give. */
export type ConnectionSettings = Pick<
  Connection,
  | 'name'
  | 'host'
  | 'port'
  | 'database_name'
  | 'user_name'
  | 'authentication'
  | 'ssl'
  | 'ca_certificate'
  | 'secret_name'
  | 'schemas'
  | 'tables_include'
  | 'tables_exclude'
  | 'send_rows_to_model'
>;

const columns = `id, name, engine, host, port, database_name, user_name, authentication, ssl, ca_certificate, secret_name, schemas,
  tables_include, tables_exclude, send_rows_to_model, server_version, examined_at, error, generation::int, refreshed_at, created_at, updated_at`;

/** Where a connection leads and who one is there, for the function that connects. */
export function targetOf(workspaceId: string, connection: ConnectionSettings & Pick<Connection, 'id'>): Target {
  return {
    workspace_id: workspaceId,
    connection_id: connection.id,
    host: connection.host,
    port: connection.port,
    database: connection.database_name,
    user: connection.user_name,
    authentication: connection.authentication,
    ssl: connection.ssl,
    ca_certificate: connection.ca_certificate,
    secret_arn: connection.secret_name,
  };
}

/** Holds the room for one more connection until the transaction ends. @throws quota_exceeded */
export async function requireRoomForConnection(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<void> {
  const limit = quotas.limits.connections ?? null;
  if (limit === null) return;
  await holdAlone(db, workspaceId, 'connections');
  const { rows } = await db.query<{ used: number }>(
    'SELECT count(*)::int AS used FROM dbrag.connections WHERE workspace_id = $1',
    [workspaceId],
  );
  const used = rows[0]?.used ?? 0;
  if (used >= limit) throw quotaExceeded('connections', { used, limit, wanted: 1, now });
  quotas.noticed('connections', used + 1);
}

/** Stores a connection that was examined a moment ago. */
export async function insertConnection(
  db: Db,
  workspaceId: string,
  id: string,
  settings: ConnectionSettings,
  about: { readonly serverVersion: string; readonly createdBy: string },
): Promise<Connection> {
  const { rows } = await db.query<Connection>(
    `INSERT INTO dbrag.connections (workspace_id, id, name, engine, host, port, database_name, user_name, authentication, ssl,
       ca_certificate, secret_name, schemas, tables_include, tables_exclude, send_rows_to_model, server_version, examined_at, created_by)
     VALUES ($1, $2, $3, 'postgres', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, now(), $17) RETURNING ${columns}`,
    [workspaceId, id, ...valuesOf(settings), about.serverVersion, about.createdBy],
  );
  return rows[0] as Connection;
}

/**
 * Changes a connection that is still as it was when it was read.
 * @param examined the server's version, where it was examined with these settings; undefined: it was not
 * @throws conflict when somebody else changed it meanwhile · not_found
 */
export async function updateConnection(
  db: Db,
  workspaceId: string,
  read: Connection,
  settings: ConnectionSettings,
  examined: string | undefined,
): Promise<Connection> {
  await lockConnection(db, workspaceId, read.id);
  const { rows } = await db.query<Connection>(
    `UPDATE dbrag.connections SET name = $3, host = $4, port = $5, database_name = $6, user_name = $7, authentication = $8, ssl = $9,
       ca_certificate = $10, secret_name = $11, schemas = $12, tables_include = $13, tables_exclude = $14, send_rows_to_model = $15,
       server_version = coalesce($16, server_version), updated_at = now(),
       examined_at = CASE WHEN $16::text IS NULL THEN examined_at ELSE now() END,
       error = CASE WHEN $16::text IS NULL THEN error END
     WHERE workspace_id = $1 AND id = $2 AND date_trunc('milliseconds', updated_at) = $17 RETURNING ${columns}`,
    [workspaceId, read.id, ...valuesOf(settings), examined ?? null, read.updated_at],
  );
  if (!rows[0])
    throw new DbragError('conflict', 'The connection was changed by somebody else meanwhile: read it again.');
  return rows[0];
}

function valuesOf(settings: ConnectionSettings): unknown[] {
  return [
    settings.name,
    settings.host,
    settings.port,
    settings.database_name,
    settings.user_name,
    settings.authentication,
    settings.ssl,
    settings.ca_certificate,
    settings.secret_name,
    settings.schemas,
    settings.tables_include,
    settings.tables_exclude,
    settings.send_rows_to_model,
  ];
}

/** @throws not_found */
export async function getConnection(db: Db, workspaceId: string, id: string): Promise<Connection> {
  const { rows } = await db.query<Connection>(
    `SELECT ${columns} FROM dbrag.connections WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, id],
  );
  if (!rows[0]) throw notFound('connection');
  return rows[0];
}

/** @throws not_found unless each of them is one that this transaction sees */
export async function requireConnections(db: Db, workspaceId: string, ids: readonly string[]): Promise<void> {
  const wanted = [...new Set(ids)];
  const { count } = await db.query('SELECT FROM dbrag.connections WHERE workspace_id = $1 AND id = ANY ($2::uuid[])', [
    workspaceId,
    wanted,
  ]);
  if (count < wanted.length) throw notFound('connection');
}

/** Keeps others from changing or removing it, and from beginning another refresh, until the end of the transaction. @throws not_found */
export async function lockConnection(db: Db, workspaceId: string, id: string): Promise<void> {
  const { count } = await db.query(
    'SELECT FROM dbrag.connections WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE',
    [workspaceId, id],
  );
  if (count === 0) throw notFound('connection');
}

export async function listConnections(
  db: Db,
  workspaceId: string,
  { limit, after }: PageRequest,
): Promise<Page<Connection>> {
  const { rows } = await db.query<Connection>(
    `SELECT ${columns} FROM dbrag.connections c
     WHERE workspace_id = $1 ${after === undefined ? '' : `AND (c.created_at, c.id) < (SELECT a.created_at, a.id FROM dbrag.connections a WHERE a.workspace_id = $1 AND a.id = $3)`}
     ORDER BY created_at DESC, id DESC LIMIT $2 + 1`,
    after === undefined ? [workspaceId, limit] : [workspaceId, limit, after],
  );
  return pageOf(rows, limit);
}

/** Notes how an examination ended. */
export async function noteExamination(
  db: Db,
  workspaceId: string,
  id: string,
  outcome: { readonly serverVersion: string } | { readonly error: Failure },
): Promise<void> {
  const version = 'serverVersion' in outcome ? outcome.serverVersion : null;
  await db.query(
    `UPDATE dbrag.connections SET examined_at = now(), error = $3, server_version = coalesce($4, server_version)
     WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, id, 'error' in outcome ? outcome.error : null, version],
  );
}

/**
 * Removes a connection with its catalog, examples and terms. Its password is removed afterwards.
 * @throws not_found
 */
export async function deleteConnection(db: Db, workspaceId: string, id: string): Promise<void> {
  const { count } = await db.query('DELETE FROM dbrag.connections WHERE workspace_id = $1 AND id = $2', [
    workspaceId,
    id,
  ]);
  if (count === 0) throw notFound('connection');
}
