import type { Db } from '../core/database.ts';
import { Outage } from '../core/outage.ts';
import { finishJob } from '../jobs/finish-job.ts';
import { embeddedText } from './catalog-text.ts';
import type { CatalogColumn, ForeignKey } from './describe-tables.ts';
import { type EmbedPorts, embedAndKeep } from './embed-and-keep.ts';
import { type Refusal, refusalOf } from './refused-texts.ts';
import { sizedText, type WaitingText } from './text-rows.ts';

/** Share of the remaining invocation time; the rest is for storing. */
const shareToEmbed = 0.8;

/** What the text of a table is made of. */
export interface CatalogText {
  readonly name: string;
  readonly description: string | null;
  readonly columns: readonly CatalogColumn[];
  readonly foreign_keys: readonly ForeignKey[];
  readonly refusal: Refusal | null;
}

interface Row extends CatalogText {
  readonly embedding_model: string | null;
  readonly embedded_hash: Buffer | null;
}

/**
 * Embeds a catalog whose tables are all described, in as few requests as the limits allow, and ends the refresh. Tables
 * whose text already has its vector cost nothing; one whose text the model refuses stays without a vector, and the refusal is remembered.
 * @throws Outage while the model is down
 */
export async function embedCatalog(
  ports: EmbedPorts,
  workspaceId: string,
  jobId: string,
  remainingTime: () => number,
): Promise<void> {
  const { database, embedder, now } = ports;
  const read = await database.inWorkspace({ workspaceId }, (db) => readTexts(db, workspaceId, jobId, embedder.model));
  if (!read) return;
  const { failure } = await embedAndKeep(ports, workspaceId, 'catalog_tables', read.texts, () => ({
    deadline: now() + remainingTime() * shareToEmbed,
    priority: 'default',
  }));
  if (failure) throw new Outage(failure.message, { cause: failure });
  await database.inWorkspace({ workspaceId }, (db) => finish(db, workspaceId, jobId, read.connectionId));
}

/** @returns undefined when the job has ended, or tables still have to be described */
async function readTexts(
  db: Db,
  workspaceId: string,
  jobId: string,
  model: string,
): Promise<{ readonly connectionId: string; readonly texts: readonly WaitingText[] } | undefined> {
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
    `SELECT name, description, columns, foreign_keys, embedding_model, embedded_hash, refusal FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND connection_id = $2 ORDER BY name`,
    [workspaceId, job.connection_id],
  );
  const texts = rows
    .map((row) => ({ row, text: textOf(job.connection_id, row) }))
    .filter(({ row, text }) => row.embedding_model !== model || !row.embedded_hash?.equals(text.hash))
    .map(({ text }) => text);
  return { connectionId: job.connection_id, texts };
}

/** The text of a table, and where it is from. */
export function textOf(connectionId: string, table: CatalogText): WaitingText {
  return { connectionId, key: table.name, refusal: table.refusal, ...sizedText(embeddedText(table)) };
}

/** Why no vector of the table's present text is to be had; null: nothing is known to keep it from one. */
export function refusalOfTable(table: CatalogText): Refusal | null {
  return refusalOf(textOf('', table));
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
