/**
 * `npm run bench:ingest [-- --documents 600 --repeats 3 --only end-to-end|embedding]`: bulk ingestion against what else there is, in one run, on one Postgres and
 * one model server (80 ms and 0.2 ms an input), in turns; medians.
 *
 * End to end: the whole local cloud, from the first call of `POST /v1/documents/batch` to the last document ready, against LangChain.js
 * `PGVectorStore` and that of LlamaIndex.TS with their defaults and tuned (`peers/`), which run in one process and keep rows of text and vector.
 * Embedding alone: `embedChunks` over what is split already, under row security, with its leases, counts, usage and swaps, against
 * the bare pipeline of `copy-pipeline.ts`; one process each.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import pg from 'pg';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { OpenAiEmbedder } from '../../shared/adapters/openai/openai-embedder.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { IngestionWorld } from '../integration/ingestion/ingestion-world.ts';
import { openTestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/local-cloud.ts';
import { postAll } from './bulk-post.ts';
import { type BareChunk, copyPipeline } from './copy-pipeline.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { httpClient } from './http-client.ts';
import { markdownDocument } from './markdown-corpus.ts';
import { startModelServer } from './model-server.ts';
import { installPeers } from './peers/install.ts';
import { type Cloud, startCloud } from './start-cloud.ts';
import { median, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '600' },
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const [documents, repeats] = [Number(values.documents), Number(values.repeats)];
const connections = 8;
const bars = { defaults: 2, tuned: 1, copy: 0.8 };
const longestMilliseconds = 600_000;
/** One at a time they take as long each, however many there are. */
const fewEach = 50;
const peers = {
  langchain: fileURLToPath(new URL('./peers/langchain.mjs', import.meta.url)),
  llamaindex: fileURLToPath(new URL('./peers/llamaindex.mjs', import.meta.url)),
};

interface World {
  readonly cloud: Cloud;
  readonly admin: pg.Client;
  readonly modelUrl: string;
}

/** No round sees texts of another: each has documents of its own. */
let nextDocument = 0;
const takeDocuments = (): number => {
  nextDocument += documents;
  return nextDocument - documents;
};

async function ours({ cloud, admin }: World, single = false): Promise<number> {
  const workspace = await createWorkspace(cloud, 'bench');
  const { collectionId } = workspace;
  const api = httpClient(cloud.url, { authorization: `Bearer ${workspace.apiKey}` }, connections);
  const first = takeDocuments();
  const texts = Array.from({ length: documents }, (_, number) => markdownDocument(first + number));
  const started = performance.now();
  await postAll(api, texts, { collectionId, connections, single });
  const workspaceId = parsePublicId('workspace', workspace.id);
  while (!(await isReady(admin, workspaceId))) {
    if (performance.now() - started > longestMilliseconds) throw new Error('the documents never became ready');
    await sleep(100);
  }
  return documents / ((performance.now() - started) / 1_000);
}

async function isReady(admin: pg.Client, workspaceId: string): Promise<boolean> {
  const { rows } = await admin.query<{ ready: number; failed: number }>(
    `SELECT count(*) FILTER (WHERE live_version IS NOT NULL)::int AS ready, count(*) FILTER (WHERE status = 'failed')::int AS failed
     FROM dbrag.documents WHERE workspace_id = $1`,
    [workspaceId],
  );
  const { ready, failed } = rows[0] as { ready: number; failed: number };
  if (failed > 0) throw new Error(`${failed} documents failed`);
  return ready === documents;
}

const run = promisify(execFile);

/** Beside this process's loop, not in its way: it must hear of connections that the gateway closes meanwhile. */
async function theirs(
  { cloud, modelUrl }: World,
  mode: 'defaults' | 'tuned' | 'each',
  peer: keyof typeof peers = 'langchain',
): Promise<number> {
  const settings = {
    databaseUrl: cloud.adminDatabaseUrl,
    modelUrl,
    documents: mode === 'each' ? Math.min(documents, fewEach) : documents,
    first: takeDocuments(),
    mode,
    table: `${peer}_${mode}`,
  };
  const { stdout } = await run(process.execPath, [peers[peer], JSON.stringify(settings)]);
  const { seconds } = JSON.parse(stdout) as { seconds: number };
  return settings.documents / seconds;
}

/** Chunks a second of `embedChunks` over documents that are split, and of the bare pipeline over the same chunks. */
async function embedding({ cloud, admin, modelUrl }: World): Promise<{ ours: number; bare: number }> {
  const workspace = await createWorkspace(cloud, 'bench');
  const [workspaceId, collectionId] = [
    parsePublicId('workspace', workspace.id),
    parsePublicId('collection', workspace.collectionId),
  ];
  const database = openTestDatabase(cloud.applicationDatabaseUrl, { preparedStatements: true });
  const world = new IngestionWorld({ database, modelUrl });
  const first = takeDocuments();
  for (let number = first; number < first + documents; number += 1) {
    const { name, content } = markdownDocument(number);
    await world.post(workspaceId, collectionId, content, { name });
    await world.ingest(world.queue.take('ingest', 1)?.bodies[0]);
  }
  const { rows: chunks } = await admin.query<BareChunk>(
    `SELECT document_id AS "documentId", content_hash AS "contentHash", text, token_count AS tokens, octet_length(text) AS bytes
     FROM dbrag.chunks WHERE workspace_id = $1 ORDER BY document_id`,
    [workspaceId],
  );
  // Vectors alone are compared: the words of a text are counted when it becomes visible, and the bare pipeline counts none.
  await admin.query(`UPDATE dbrag.chunks SET search = '' WHERE workspace_id = $1`, [workspaceId]);
  await admin.query('VACUUM dbrag.chunks');
  const message = world.queue.take('embed', 1)?.bodies ?? [];
  const bare = await copyPipeline(cloud.adminDatabaseUrl, embedderOf(modelUrl), chunks);
  const started = performance.now();
  const { embedded, ready } = await world.embed(message);
  const seconds = (performance.now() - started) / 1_000;
  if (embedded !== chunks.length || ready !== documents) throw new Error(`${embedded} of ${chunks.length} embedded`);
  await database.close();
  return { ours: chunks.length / seconds, bare: chunks.length / bare };
}

const embedderOf = (baseUrl: string): OpenAiEmbedder =>
  new OpenAiEmbedder({ apiKey: async () => 'bench', baseUrl, model: 'text-embedding-3-small', dimensions: 1_536 });

installPeers();
const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-peers-'));
const engines = await startEngines('peers');
await dropDatabase(engines, 'dbrag');
const models = await startModelServer('--latency-ms', '80', '--per-input-ms', '0.2');
const cloud = await startCloud({
  assemblyDirectory: await assemblyOf('local'),
  dataDirectory: join(directory, 'data'),
  port: 0,
  databaseUrl: engines.databaseUrl,
  redisUrl: engines.redisUrl,
  models: { baseUrl: models.baseUrl },
});
const admin = new pg.Client({ connectionString: cloud.adminDatabaseUrl });
await admin.connect();
const world = { cloud, admin, modelUrl: models.baseUrl };

const rates: Record<
  'ours' | 'single' | 'defaults' | 'tuned' | 'each' | 'indexDefaults' | 'indexTuned' | 'embed' | 'bare',
  number[]
> = {
  ours: [],
  single: [],
  defaults: [],
  tuned: [],
  each: [],
  indexDefaults: [],
  indexTuned: [],
  embed: [],
  bare: [],
};
const [endToEnd, embeddingAlone] = ['end-to-end', 'embedding'].map((part) => (values.only ?? part) === part);
// Processes start and tables get their first pages.
await ours(world);
for (let repeat = 0; repeat < repeats; repeat += 1) {
  if (endToEnd) {
    rates.ours.push(await ours(world));
    rates.single.push(await ours(world, true));
    rates.defaults.push(await theirs(world, 'defaults'));
    rates.tuned.push(await theirs(world, 'tuned'));
    rates.each.push(await theirs(world, 'each'));
    rates.indexDefaults.push(await theirs(world, 'defaults', 'llamaindex'));
    rates.indexTuned.push(await theirs(world, 'tuned', 'llamaindex'));
  }
  if (embeddingAlone) {
    const { ours: embed, bare } = await embedding(world);
    rates.embed.push(embed);
    rates.bare.push(bare);
  }
}

const rate = (name: keyof typeof rates): number => median(rates[name]);
const against = (label: string, name: keyof typeof rates, peer: keyof typeof rates, bar: number): void => {
  const ratio = rate(name) / rate(peer);
  report(label, ratio.toFixed(2), { text: `>= ${bar}`, met: ratio >= bar });
};
if (endToEnd) {
  report(`end to end, documents a second (${documents}, median of ${repeats})`, rate('ours').toFixed(1));
  report('  a call for each document', rate('single').toFixed(1));
  report(
    '  LangChain.js, all at once: defaults | tuned',
    `${rate('defaults').toFixed(1)} | ${rate('tuned').toFixed(1)}`,
  );
  report('  LangChain.js, a document at a time', rate('each').toFixed(1));
  const index = `${rate('indexDefaults').toFixed(1)} | ${rate('indexTuned').toFixed(1)}`;
  report('  LlamaIndex.TS, all at once: defaults | tuned', index);
  report('  over its defaults (LlamaIndex.TS)', (rate('ours') / rate('indexDefaults')).toFixed(2));
  report('  over its best tuning (LlamaIndex.TS)', (rate('ours') / rate('indexTuned')).toFixed(2));
  report('  over LangChain.js, a call for each', (rate('single') / rate('each')).toFixed(2));
  against('  over its defaults (LangChain.js)', 'ours', 'defaults', bars.defaults);
  against('  over its best tuning (LangChain.js)', 'ours', 'tuned', bars.tuned);
}
if (embeddingAlone) {
  report('embedding alone, chunks a second', rate('embed').toFixed(0));
  report('  parallel requests and COPY', rate('bare').toFixed(0));
  against('  over parallel requests and COPY', 'embed', 'bare', bars.copy);
}

await admin.end();
await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
