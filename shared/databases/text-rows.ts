import { createHash } from 'node:crypto';
import { type Db, HalfvecArray } from '../core/database.ts';
import type { KnownText, Refusal } from './refused-texts.ts';

/**
 * Tables whose rows are found by the vector of a text: the column that names a row within its connection, what else a vector sets, and where else a
 * vector of the same model is none of the text.
 */
const textTables = {
  sql_examples: { key: 'id', type: 'uuid', sets: '', differs: '' },
  sql_terms: { key: 'id', type: 'uuid', sets: '', differs: '' },
  // Of the text that was embedded: the next refresh notices a change made meanwhile.
  catalog_tables: {
    key: 'name',
    type: 'text',
    sets: ', embedded_hash = v.hash',
    differs: ' OR t.embedded_hash IS DISTINCT FROM v.hash',
  },
} as const;

export type TextTable = keyof typeof textTables;

/** Where a text is from. */
export interface TextRow {
  /** UUID. */
  readonly connectionId: string;
  readonly key: string;
  /** SHA-256 of the text. */
  readonly hash: Buffer;
}

/** A text with what it costs. */
export interface SizedText {
  readonly text: string;
  readonly hash: Buffer;
  readonly tokens: number;
  readonly bytes: number;
}

/** The text of a row that has no vector of it yet. */
export type WaitingText = TextRow & SizedText & KnownText;

/** Tokens per byte assumed for uncounted text: more than in any language, so a request is never refused for its size. */
const bytesPerToken = 2;

/** By its bytes alone. */
export function sizedText(text: string): SizedText {
  const bytes = Buffer.byteLength(text);
  const hash = createHash('sha256').update(text).digest();
  return { text, hash, bytes, tokens: Math.ceil(bytes / bytesPerToken) };
}

/** @param vectors one for each of the rows */
export async function storeVectors(
  db: Db,
  workspaceId: string,
  table: TextTable,
  model: string,
  rows: readonly TextRow[],
  vectors: readonly Float32Array[],
): Promise<void> {
  const { key, type, sets } = textTables[table];
  await db.query(
    `UPDATE dbrag.${table} t SET embedding = v.embedding, embedding_model = $2, refusal = NULL${sets}
     FROM unnest($3::uuid[], $4::${type}[], $5::halfvec[], $6::bytea[]) AS v (connection_id, key, embedding, hash)
     WHERE t.workspace_id = $1 AND t.connection_id = v.connection_id AND t.${key} = v.key`,
    [
      workspaceId,
      model,
      rows.map(({ connectionId }) => connectionId),
      rows.map((row) => row.key),
      new HalfvecArray(vectors),
      rows.map(({ hash }) => hash),
    ],
  );
}

/**
 * Not over a vector that somebody else was given for the text meanwhile.
 * @param refusals one for each of the rows
 */
export async function storeRefusals(
  db: Db,
  workspaceId: string,
  table: TextTable,
  rows: readonly TextRow[],
  refusals: readonly Refusal[],
): Promise<void> {
  const { key, type, differs } = textTables[table];
  await db.query(
    `UPDATE dbrag.${table} t SET refusal = v.refusal::jsonb
     FROM unnest($2::uuid[], $3::${type}[], $4::text[], $5::bytea[]) AS v (connection_id, key, refusal, hash)
     WHERE t.workspace_id = $1 AND t.connection_id = v.connection_id AND t.${key} = v.key
       AND (t.embedding_model IS DISTINCT FROM v.refusal::jsonb ->> 'model'${differs})`,
    [
      workspaceId,
      rows.map(({ connectionId }) => connectionId),
      rows.map((row) => row.key),
      refusals.map((refusal) => JSON.stringify(refusal)),
      rows.map(({ hash }) => hash),
    ],
  );
}
