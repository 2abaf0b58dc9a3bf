import { type Db, HalfvecArray } from '../core/database.ts';
import type { ModelError } from '../models/model-error.ts';
import { packRequests } from '../models/pack-requests.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { type EmbedCatalogPorts, sizeOf, storeVectors, textOf } from './embed-catalog.ts';
import { embedTexts } from './embed-texts.ts';

/** Texts of a table and night: what is beyond comes the next night. */
const mostTexts = 500;
/** Of one call of the model. */
const embedMilliseconds = 30_000;

const sources = {
  sql_examples: 'question',
  sql_terms: `term || coalesce(': ' || description, '')`,
} as const;

export interface EmbedForgottenPorts extends EmbedCatalogPorts {
  /** The model is unavailable: the rest is left to another night. */
  readonly onPostponed: (error: ModelError, texts: number) => void;
}

interface Sized {
  readonly text: string;
  readonly tokens: number;
  readonly bytes: number;
}

type Store<Text> = (db: Db, texts: readonly Text[], vectors: readonly Float32Array[]) => Promise<void>;

/**
 * The nightly step: embeds what could not be embedded when it was written, and what is in the space of an earlier model. A text that the
 * model refuses stays without a vector.
 * @returns how many texts
 */
export async function embedForgotten(
  ports: EmbedForgottenPorts,
  workspaceId: string,
  hasTime: () => boolean,
): Promise<number> {
  let embedded = 0;
  const steps = [
    () => embedKnowledge(ports, workspaceId, 'sql_examples', hasTime),
    () => embedKnowledge(ports, workspaceId, 'sql_terms', hasTime),
    () => embedTables(ports, workspaceId, hasTime),
  ];
  for (const step of steps) if (hasTime()) embedded += await step();
  return embedded;
}

async function embedKnowledge(
  ports: EmbedForgottenPorts,
  workspaceId: string,
  source: keyof typeof sources,
  hasTime: () => boolean,
): Promise<number> {
  const { database, embedder } = ports;
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ id: string; text: string }>(
      `SELECT id, ${sources[source]} AS text FROM dbrag.${source}
       WHERE workspace_id = $1 AND embedding_model IS DISTINCT FROM $2 ORDER BY created_at LIMIT ${mostTexts}`,
      [workspaceId, embedder.model],
    ),
  );
  const texts = rows.map((row) => ({ ...row, ...sizeOf(row.text) }));
  return embedAndStore(ports, workspaceId, texts, hasTime, async (db, embedded, vectors) => {
    await db.query(
      `UPDATE dbrag.${source} k SET embedding = v.embedding, embedding_model = $2
       FROM unnest($3::uuid[], $4::halfvec[]) AS v (id, embedding) WHERE k.workspace_id = $1 AND k.id = v.id`,
      [workspaceId, embedder.model, embedded.map(({ id }) => id), new HalfvecArray(vectors)],
    );
  });
}

async function embedTables(ports: EmbedForgottenPorts, workspaceId: string, hasTime: () => boolean): Promise<number> {
  const { database, embedder } = ports;
  type Row = Parameters<typeof textOf>[0] & { readonly connection_id: string };
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<Row>(
      `SELECT connection_id, name, description, columns, foreign_keys FROM dbrag.catalog_tables
       WHERE workspace_id = $1 AND status = 'described' AND (embedding_model IS DISTINCT FROM $2 OR embedded_hash IS NULL)
       ORDER BY connection_id, name LIMIT ${mostTexts}`,
      [workspaceId, embedder.model],
    ),
  );
  let embedded = 0;
  for (const [connectionId, tables] of Map.groupBy(rows, (row) => row.connection_id))
    embedded += await embedAndStore(ports, workspaceId, tables.map(textOf), hasTime, (db, texts, vectors) =>
      storeVectors(db, workspaceId, connectionId, embedder.model, texts, vectors),
    );
  return embedded;
}

/** In as few requests as the limits allow; each is stored and metered by itself. */
async function embedAndStore<Text extends Sized>(
  { database, embedder, now, onPostponed }: EmbedForgottenPorts,
  workspaceId: string,
  all: readonly Text[],
  hasTime: () => boolean,
  store: Store<Text>,
): Promise<number> {
  let stored = 0;
  for (const request of packRequests(all, embedder.limits).requests) {
    if (!hasTime()) break;
    const { texts, vectors, tokens, requests, failure } = await embedTexts(embedder, request, () =>
      hasTime() ? { deadline: now() + embedMilliseconds, priority: 'low' } : null,
    );
    if (texts.length > 0)
      await database.inWorkspace({ workspaceId }, async (db) => {
        await store(db, texts, vectors);
        await recordUsage(db, workspaceId, [
          { operation: 'describe_table', model: embedder.model, requests, embeddingTokens: tokens },
        ]);
      });
    stored += texts.length;
    if (failure) {
      onPostponed(failure, all.length - stored);
      break;
    }
  }
  return stored;
}
