import { createHash } from 'node:crypto';
import { type Database, type Db, HalfvecArray } from '../core/database.ts';
import { Outage } from '../core/outage.ts';
import { finishJob } from '../jobs/finish-job.ts';
import type { Embedder } from '../models/embedder.ts';
import { packRequests } from '../models/pack-requests.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { embeddedText } from './catalog-text.ts';
import type { CatalogColumn, ForeignKey } from './describe-tables.ts';
import { embedTexts } from './embed-texts.ts';

export interface EmbedCatalogPorts {
  readonly database: Database;
  readonly embedder: Embedder;
  readonly now: () => number;
}

/** Tokens per byte assumed for uncounted text: more than in any language, so a request is never refused for its size. */
const bytesPerToken = 2;
/** Share of the remaining invocation time; the rest is for storing. */
const shareToEmbed = 0.8;

interface Row {
  readonly name: string;
  readonly description: string | null;
  readonly columns: readonly CatalogColumn[];
  readonly foreign_keys: readonly ForeignKey[];
  readonly embedding_model: string | null;
  readonly embedded_hash: Buffer | null;
}

interface Text {
  readonly name: string;
  readonly text: string;
  readonly hash: Buffer;
  readonly tokens: number;
  readonly bytes: number;
}

/**
 * Embeds a catalog whose tables are all described, in as few requests as the limits allow, and ends the refresh. Tables
 * whose text already has its vector cost nothing; one whose text the model refuses stays without a vector.
 * @throws Outage while the model is down
 */
export async function embedCatalog(
  ports: EmbedCatalogPorts,
  workspaceId: string,
  jobId: string,
  remainingTime: () => number,
): Promise<void> {
  const { database, embedder, now } = ports;
  const read = await database.inWorkspace({ workspaceId }, (db) => readTexts(db, workspaceId, jobId, embedder.model));
  if (!read) return;
  for (const request of packRequests(read.texts, embedder.limits).requests) {
    const { texts, vectors, tokens, requests, failure } = await embedTexts(embedder, request, () => ({
      deadline: now() + remainingTime() * shareToEmbed,
      priority: 'default',
    }));
    if (texts.length > 0)
      await database.inWorkspace({ workspaceId }, async (db) => {
        await storeVectors(db, workspaceId, read.connectionId, embedder.model, texts, vectors);
        await recordUsage(db, workspaceId, [
          { operation: 'describe_table', model: embedder.model, requests, embeddingTokens: tokens },
        ]);
      });
    if (failure) throw new Outage(failure.message, { cause: failure });
  }
  await database.inWorkspace({ workspaceId }, (db) => finish(db, workspaceId, jobId, read.connectionId));
}

/** @returns undefined when the job has ended, or tables still have to be described */
async function readTexts(
  db: Db,
  workspaceId: string,
  jobId: string,
  model: string,
): Promise<{ readonly connectionId: string; readonly texts: readonly Text[] } | undefined> {
  const { rows: jobs } = await db.query<{ connection_id: string; waiting: boolean }>(
    `SELECT j.connection_id, EXISTS (SELECT FROM dbrag.catalog_tables c
       WHERE c.workspace_id = j.workspace_id AND c.connection_id = j.connection_id AND c.status = 'listed') AS waiting
     FROM dbrag.jobs j JOIN dbrag.connections n ON n.workspace_id = j.workspace_id AND n.id = j.connection_id
     WHERE j.workspace_id = $1 AND j.id = $2 AND j.type = 'update_metadata_catalog' AND j.status IN ('queued', 'running')
       AND (j.input ->> 'listed')::boolean`,
    [workspaceId, jobId],
  );
  const job = jobs[0];
  if (!job || job.waiting) return undefined;
  const { rows } = await db.query<Row>(
    `SELECT name, description, columns, foreign_keys, embedding_model, embedded_hash FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND connection_id = $2 ORDER BY name`,
    [workspaceId, job.connection_id],
  );
  const texts = rows
    .map((row) => ({ row, text: textOf(row) }))
    .filter(({ row, text }) => row.embedding_model !== model || !row.embedded_hash?.equals(text.hash))
    .map(({ text }) => text);
  return { connectionId: job.connection_id, texts };
}

/** The text of a table with what it costs. */
export function textOf(table: Parameters<typeof embeddedText>[0]): Text {
  const text = embeddedText(table);
  return { name: table.name, text, hash: createHash('sha256').update(text).digest(), ...sizeOf(text) };
}

/** A text's size for packing, by its bytes alone. */
export function sizeOf(text: string): { readonly bytes: number; readonly tokens: number } {
  const bytes = Buffer.byteLength(text);
  return { bytes, tokens: Math.ceil(bytes / bytesPerToken) };
}

/** The hash is of the text that was embedded: the next refresh notices a change made meanwhile. */
export async function storeVectors(
  db: Db,
  workspaceId: string,
  connectionId: string,
  model: string,
  texts: readonly Text[],
  vectors: readonly Float32Array[],
): Promise<void> {
  await db.query(
    `UPDATE dbrag.catalog_tables c SET embedding = v.embedding, embedding_model = $3, embedded_hash = v.hash
     FROM unnest($4::text[], $5::halfvec[], $6::bytea[]) AS v (name, embedding, hash)
     WHERE c.workspace_id = $1 AND c.connection_id = $2 AND c.name = v.name`,
    [
      workspaceId,
      connectionId,
      model,
      texts.map(({ name }) => name),
      new HalfvecArray(vectors),
      texts.map(({ hash }) => hash),
    ],
  );
}

async function finish(db: Db, workspaceId: string, jobId: string, connectionId: string): Promise<void> {
  const { rows } = await db.query<{ tables: number; input: { removed?: number; left_out?: boolean } }>(
    `SELECT (SELECT count(*)::int FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $3) AS tables, input
     FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId, connectionId],
  );
  const { tables = 0, input = {} } = rows[0] ?? {};
  const { rows: progress } = await db.query<{ total: number | null }>(
    `UPDATE dbrag.jobs SET progress_done = coalesce(progress_total, 0) WHERE workspace_id = $1 AND id = $2 RETURNING progress_total::int AS total`,
    [workspaceId, jobId],
  );
  const described = progress[0]?.total ?? 0;
  const result = { tables, described, removed: input.removed ?? 0, left_out: input.left_out ?? false };
  const why = `${tables} ${tables === 1 ? 'table' : 'tables'}, ${described} described anew, ${result.removed} removed.`;
  if (!(await finishJob(db, workspaceId, jobId, { status: 'succeeded', result, why }))) return;
  await db.query(
    'UPDATE dbrag.connections SET refreshed_at = now(), generation = generation + 1 WHERE workspace_id = $1 AND id = $2',
    [workspaceId, connectionId],
  );
}
