import { publicId } from '../../../shared/core/ids.ts';
import type { CatalogTable } from '../../../shared/databases/catalog.ts';
import type { Connection } from '../../../shared/databases/connections.ts';
import { refusalOfTable } from '../../../shared/databases/embed-catalog.ts';
import type { Refusal } from '../../../shared/databases/refused-texts.ts';

/** Holds no password and no name of one. */
export function connectionView(connection: Connection) {
  return {
    id: publicId('connection', connection.id),
    object: 'connection' as const,
    name: connection.name,
    engine: connection.engine,
    host: connection.host,
    port: connection.port,
    database: connection.database_name,
    user: connection.user_name,
    authentication: connection.authentication,
    ssl: connection.ssl,
    ca_certificate: connection.ca_certificate,
    schemas: connection.schemas,
    tables: { include: connection.tables_include, exclude: connection.tables_exclude },
    send_rows_to_model: connection.send_rows_to_model,
    server_version: connection.server_version,
    examined_at: connection.examined_at?.toISOString() ?? null,
    error: connection.error,
    refreshed_at: connection.refreshed_at?.toISOString() ?? null,
    created_at: connection.created_at.toISOString(),
    updated_at: connection.updated_at.toISOString(),
  };
}

/** Why the meaning of a text finds nothing; null: nothing is known to keep it from that. */
export const embeddingError = (refusal: Refusal | null) => refusal && { code: refusal.code, message: refusal.message };

export function catalogTableView(table: CatalogTable) {
  return {
    object: 'table' as const,
    table: table.name,
    schema: table.schema_name,
    name: table.table_name,
    kind: table.kind,
    status: table.status,
    columns: table.columns,
    primary_key: table.primary_key,
    foreign_keys: table.foreign_keys,
    comment: table.comment,
    row_estimate: table.row_estimate,
    samples: table.samples,
    description: table.description,
    edited: table.edited,
    description_error: table.description_error,
    embedding_error: embeddingError(refusalOfTable(table)),
    refreshed_at: table.refreshed_at?.toISOString() ?? null,
  };
}
