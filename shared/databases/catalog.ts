import type { Db } from '../core/database.ts';
import { Halfvec } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import type { Page } from '../core/page.ts';
import { pageOf } from '../core/page.ts';
import type { CatalogColumn, ForeignKey } from './describe-tables.ts';
import type { DescriptionError } from './describe-with-model.ts';
import type { ListedTable } from './list-tables.ts';
import type { Refusal } from './refused-texts.ts';

/** A table of a connection, as the catalog knows it. */
export interface CatalogTable {
  readonly schema_name: string;
  readonly table_name: string;
  /** Schema and table as SQL writes them: what names the entry. */
  readonly name: string;
  readonly kind: ListedTable['kind'];
  /** `listed`: its description has still to be written, or rewritten. */
  readonly status: 'listed' | 'described';
  readonly columns: readonly CatalogColumn[];
  readonly primary_key: readonly string[];
  readonly foreign_keys: readonly ForeignKey[];
  readonly comment: string | null;
  readonly row_estimate: number | null;
  readonly samples: readonly Readonly<Record<string, string | null>>[] | null;
  readonly description: string | null;
  /** A person wrote the description: a refresh leaves it. */
  readonly edited: boolean;
  /** Why the description is made of names alone; null: it is not. */
  readonly description_error: DescriptionError | null;
  /** Of the text that it had then. */
  readonly refusal: Refusal | null;
  readonly refreshed_at: Date | null;
}

const columns = `schema_name, table_name, name, kind, status, columns, primary_key, foreign_keys, comment, row_estimate::float8,
  samples, description, edited, description_error, refusal, refreshed_at`;

/** By name. @param after the name of the last entry of the page before */
export async function listCatalog(
  db: Db,
  workspaceId: string,
  connectionId: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<Page<CatalogTable>> {
  const { rows } = await db.query<CatalogTable>(
    `SELECT ${columns} FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND connection_id = $2 AND name > $3 ORDER BY name LIMIT $4`,
    [workspaceId, connectionId, after ?? '', limit + 1],
  );
  return pageOf(rows, limit);
}

/**
 * The entry of that name, or the only one whose table has that name.
 * @throws not_found
 */
async function findCatalogTable(
  db: Db,
  workspaceId: string,
  connectionId: string,
  name: string,
): Promise<CatalogTable> {
  const { rows } = await db.query<CatalogTable>(
    `SELECT ${columns} FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND connection_id = $2 AND (name = $3 OR table_name = $3 OR schema_name || '.' || table_name = $3) LIMIT 20`,
    [workspaceId, connectionId, name],
  );
  const exact = rows.find((row) => row.name === name) ?? (rows.length === 1 ? rows[0] : undefined);
  if (!exact) throw notFound('table');
  return exact;
}

/** Entries by their names, for writing SQL over them. */
export async function readCatalogTables(
  db: Db,
  workspaceId: string,
  connectionId: string,
  names: readonly string[],
): Promise<readonly CatalogTable[]> {
  const { rows } = await db.query<CatalogTable>(
    `SELECT ${columns} FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $2 AND name = ANY ($3::text[]) ORDER BY name`,
    [workspaceId, connectionId, names],
  );
  return rows;
}

export interface NearTable {
  readonly connection_id: string;
  readonly name: string;
  /** Cosine of the question and the table. */
  readonly score: number;
}

/**
 * Tables whose vectors are nearest to a question's. Compared one by one: a workspace has thousands at most.
 * @param connectionIds null: all that the transaction may see
 */
export async function nearestTables(
  db: Db,
  workspaceId: string,
  question: { readonly vector: Float32Array; readonly model: string },
  { connectionIds, limit }: { readonly connectionIds: readonly string[] | null; readonly limit: number },
): Promise<readonly NearTable[]> {
  const { rows } = await db.query<NearTable>(
    `SELECT connection_id, name, 1 - (embedding <=> $3) AS score FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND embedding_model = $2 AND embedding IS NOT NULL AND ($4::uuid[] IS NULL OR connection_id = ANY ($4::uuid[]))
     ORDER BY embedding <=> $3, name LIMIT $5`,
    [workspaceId, question.model, new Halfvec(question.vector), connectionIds, limit],
  );
  return rows;
}

/**
 * Puts a person's description in place of the model's, or lets the model write it again (null).
 * @returns the entry, and its text to embed
 */
export async function describeByHand(
  db: Db,
  workspaceId: string,
  connectionId: string,
  name: string,
  description: string | null,
): Promise<CatalogTable> {
  const { name: exact } = await findCatalogTable(db, workspaceId, connectionId, name);
  const { rows } = await db.query<CatalogTable>(
    `UPDATE dbrag.catalog_tables SET description = coalesce($4, description), edited = $4::text IS NOT NULL, embedded_hash = NULL,
       description_error = CASE WHEN $4::text IS NULL THEN description_error END,
       status = CASE WHEN $4::text IS NULL THEN 'listed' ELSE status END,
       described_fingerprint = CASE WHEN $4::text IS NULL THEN NULL ELSE described_fingerprint END
     WHERE workspace_id = $1 AND connection_id = $2 AND name = $3 RETURNING ${columns}`,
    [workspaceId, connectionId, exact, description],
  );
  await bumpGeneration(db, workspaceId, connectionId);
  return rows[0] as CatalogTable;
}

/** Invalidates everything cached about a connection's metadata. */
export async function bumpGeneration(db: Db, workspaceId: string, connectionId: string): Promise<void> {
  await db.query('UPDATE dbrag.connections SET generation = generation + 1 WHERE workspace_id = $1 AND id = $2', [
    workspaceId,
    connectionId,
  ]);
}
