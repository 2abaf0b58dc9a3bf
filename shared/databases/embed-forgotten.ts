import { type Db, HalfvecArray } from '../core/database.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { type EmbedCatalogPorts, storeVectors, textOf } from './embed-catalog.ts';

/** One request a table and night: what is beyond comes the next night. */
const mostTexts = 500;
const embedMilliseconds = 30_000;

const sources = {
  sql_examples: 'question',
  sql_terms: `term || coalesce(': ' || description, '')`,
} as const;

/**
 * The nightly step: embeds what could not be embedded when it was written, and what is in the space of an earlier model.
 * @returns how many texts
 */
export async function embedForgotten(
  ports: EmbedCatalogPorts,
  workspaceId: string,
  hasTime: () => boolean,
): Promise<number> {
  let embedded = 0;
  for (const source of ['sql_examples', 'sql_terms'] as const)
    if (hasTime()) embedded += await embedKnowledge(ports, workspaceId, source);
  return hasTime() ? embedded + (await embedTables(ports, workspaceId)) : embedded;
}

async function embedKnowledge(
  { database, embedder, now }: EmbedCatalogPorts,
  workspaceId: string,
  source: keyof typeof sources,
): Promise<number> {
  const rows = await database.inWorkspace({ workspaceId }, async (db) => {
    const { rows } = await db.query<{ id: string; text: string }>(
      `SELECT id, ${sources[source]} AS text FROM dbrag.${source}
       WHERE workspace_id = $1 AND embedding_model IS DISTINCT FROM $2 ORDER BY created_at LIMIT ${mostTexts}`,
      [workspaceId, embedder.model],
    );
    return rows;
  });
  if (rows.length === 0) return 0;
  const texts = rows.map(({ text }) => text);
  const { vectors, tokens } = await embedder.embed(texts, { deadline: now() + embedMilliseconds, priority: 'low' });
  await database.inWorkspace({ workspaceId }, async (db) => {
    await db.query(
      `UPDATE dbrag.${source} k SET embedding = v.embedding, embedding_model = $2
       FROM unnest($3::uuid[], $4::halfvec[]) AS v (id, embedding) WHERE k.workspace_id = $1 AND k.id = v.id`,
      [workspaceId, embedder.model, rows.map(({ id }) => id), new HalfvecArray(vectors)],
    );
    await meter(db, workspaceId, embedder.model, tokens);
  });
  return rows.length;
}

async function embedTables({ database, embedder, now }: EmbedCatalogPorts, workspaceId: string): Promise<number> {
  type Row = Parameters<typeof textOf>[0] & { readonly connection_id: string };
  const rows = await database.inWorkspace({ workspaceId }, async (db) => {
    const { rows } = await db.query<Row>(
      `SELECT connection_id, name, description, columns, foreign_keys FROM dbrag.catalog_tables
       WHERE workspace_id = $1 AND status = 'described' AND (embedding_model IS DISTINCT FROM $2 OR embedded_hash IS NULL)
       ORDER BY connection_id, name LIMIT ${mostTexts}`,
      [workspaceId, embedder.model],
    );
    return rows;
  });
  for (const [connectionId, tables] of Map.groupBy(rows, (row) => row.connection_id)) {
    const texts = tables.map(textOf);
    const { vectors, tokens } = await embedder.embed(
      texts.map(({ text }) => text),
      { deadline: now() + embedMilliseconds, priority: 'low' },
    );
    await database.inWorkspace({ workspaceId }, async (db) => {
      await storeVectors(db, workspaceId, connectionId, embedder.model, texts, vectors);
      await meter(db, workspaceId, embedder.model, tokens);
    });
  }
  return rows.length;
}

const meter = (db: Db, workspaceId: string, model: string, embeddingTokens: number) =>
  recordUsage(db, workspaceId, [{ operation: 'describe_table', model, requests: 1, embeddingTokens }]);
