/**
 * `npm run bench:ingest-load [-- --documents 2000 --single]`: documents a second from the first post to the last one ready, with everything on
 * this machine: the clients, the gateway, the stand-ins, the functions, native Postgres, and a model server that takes 80 ms and
 * 0.2 ms an input. Then the same documents again, which must buy nothing. Says where the processor time went.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { callApi } from '../../infra/local/start/first-workspace.ts';
import { openaiEmbeddingLimits } from '../../shared/models/embedder.ts';
import { postAll } from './bulk-post.ts';
import { cpuMilliseconds } from './cpu-time.ts';
import { dropDatabase, type Engines, startEngines } from './engines.ts';
import { type HttpClient, httpClient } from './http-client.ts';
import { markdownDocument } from './markdown-corpus.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { type Cloud, startCloud } from './start-cloud.ts';
import { report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '8' },
    /** One call a document instead of `POST /v1/documents/batch`. */
    single: { type: 'boolean', default: false },
    /** Execution environments per function, if not as many as `npm start` takes. */
    concurrency: { type: 'string' },
    /** Writes a processor profile of the cloud and of every function into this directory. */
    profile: { type: 'string' },
  },
});
const [documents, connections] = [Number(values.documents), Number(values.connections)];
const bars = { rate: 100, requests: 1.1 };
/** What the clients ask again whether everything is ready. */
const pollMilliseconds = 100;
const longestMilliseconds = 600_000;

interface World {
  readonly engines: Engines;
  readonly cloud: Cloud;
  readonly models: ModelServer;
  readonly admin: pg.Client;
}

/** The processes that share the machine, by what they are. */
async function processorTimes({ engines, cloud, models }: World): Promise<Record<string, number>> {
  // With the children in which files are parsed and texts are split.
  const sum = (ids: readonly number[]): number => ids.reduce((total, id) => total + cpuMilliseconds(id, true), 0);
  const functions = Object.entries(await cloud.processIds()).map(([name, ids]) => [name, sum(ids)] as const);
  return {
    'postgres (all backends)': cpuMilliseconds(engines.postgresProcessId, true),
    'gateway, queues, objects (local cloud)': cpuMilliseconds(cloud.processId),
    'clients (this process)': cpuMilliseconds(process.pid),
    'model server': cpuMilliseconds(models.processId),
    redis: cpuMilliseconds(engines.redisProcessId),
    ...Object.fromEntries(functions),
  };
}

async function waitUntilReady(admin: pg.Client, version: number): Promise<void> {
  const ends = performance.now() + longestMilliseconds;
  for (;;) {
    const { rows } = await admin.query<{ ready: number; failed: number }>(
      `SELECT count(*) FILTER (WHERE live_version = $1)::int AS ready, count(*) FILTER (WHERE status = 'failed')::int AS failed
       FROM dbrag.documents`,
      [version],
    );
    const { ready, failed } = rows[0] as { ready: number; failed: number };
    if (failed > 0) throw new Error(`${failed} documents failed`);
    if (ready === documents) return;
    if (performance.now() > ends) throw new Error(`only ${ready} of ${documents} documents became ready`);
    await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
}

/** Posts everything once, waits until it is ready, and tells how long it took and who worked for it. */
async function load(world: World, api: HttpClient, collectionId: string, version: number): Promise<number> {
  const before = await processorTimes(world);
  const started = performance.now();
  await postAll(api, prepared, { collectionId, connections, asSources: true, single: values.single });
  const posted = performance.now();
  await waitUntilReady(world.admin, version);
  const finished = performance.now();
  const after = await processorTimes(world);
  const seconds = (finished - started) / 1_000;
  report(
    `version ${version}: ${documents} documents posted | ready`,
    `${((posted - started) / 1_000).toFixed(1)} | ${seconds.toFixed(1)} s`,
  );
  const times = Object.entries(after).map(([name, time]) => [name, time - (before[name] ?? 0)] as const);
  const busy = times.filter(([, time]) => time > 0).sort(([, one], [, other]) => other - one);
  for (const [name, time] of busy)
    report(`  processor time, ${name}`, `${(time / documents).toFixed(2)} ms a document`);
  const total = busy.reduce((sum, [, time]) => sum + time, 0);
  report(
    '  processor time, all',
    `${(total / documents).toFixed(2)} ms a document; ${(total / 1_000 / seconds).toFixed(2)} cores busy`,
  );
  return documents / seconds;
}

/** The fewest requests that could hold all chunks. */
async function fewestRequests(admin: pg.Client): Promise<{ chunks: number; requests: number }> {
  const { rows } = await admin.query<{ chunks: number; tokens: number }>(
    `SELECT count(*)::int AS chunks, greatest(sum(token_count), sum(octet_length(text)) / 4)::int AS tokens FROM dbrag.chunks`,
  );
  const { chunks, tokens } = rows[0] as { chunks: number; tokens: number };
  const { maximumInputs, maximumTokensPerRequest } = openaiEmbeddingLimits;
  return { chunks, requests: Math.ceil(Math.max(chunks / maximumInputs, tokens / maximumTokensPerRequest)) };
}

async function startWorld(directory: string): Promise<World> {
  const engines = await startEngines('ingest');
  await dropDatabase(engines, 'dbrag');
  const models = await startModelServer('--latency-ms', '80', '--per-input-ms', '0.2');
  const profiled = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
  const hook = new URL('./exit-on-signal.ts', import.meta.url).href;
  const cloud = await startCloud({
    assemblyDirectory: await assemblyOf('local'),
    dataDirectory: join(directory, 'data'),
    port: 0,
    databaseUrl: engines.databaseUrl,
    redisUrl: engines.redisUrl,
    models: { baseUrl: models.baseUrl },
    ...(values.concurrency ? { concurrency: Number(values.concurrency) } : {}),
    // A profile is written by a process that ends by itself.
    ...(values.profile ? { environment: { NODE_OPTIONS: [...profiled, `--import=${hook}`].join(' ') } } : {}),
    nodeOptions: profiled,
  });
  const admin = new pg.Client({ connectionString: cloud.adminDatabaseUrl });
  await admin.connect();
  return { engines, cloud, models, admin };
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-ingest-'));
const prepared = Array.from({ length: documents }, (_, number) => markdownDocument(number));
const world = await startWorld(directory);
const { cloud, admin, models } = world;
const { api_key } = await callApi<{ api_key: { secret: string } }>(
  cloud.url,
  cloud.operatorKey,
  'POST',
  '/v1/workspaces',
  { name: 'bench' },
);
const collection = await callApi<{ id: string }>(cloud.url, api_key.secret, 'POST', '/v1/collections', { name: 'b' });
const api = httpClient(cloud.url, { authorization: `Bearer ${api_key.secret}` }, connections);

const rate = await load(world, api, collection.id, 1);
const bought = await models.ledger();
const fewest = await fewestRequests(admin);
await models.reset();
const again = await load(world, api, collection.id, 2);
const boughtAgain = await models.ledger();

const ratio = bought.requests.embeddings / fewest.requests;
report('chunks', String(fewest.chunks));
report('documents a second, first post to last ready', rate.toFixed(1), {
  text: `>= ${bars.rate}`,
  met: rate >= bars.rate,
});
report(
  'embedding requests over the fewest possible',
  `${bought.requests.embeddings} / ${fewest.requests} = ${ratio.toFixed(2)}`,
  { text: `<= ${bars.requests}`, met: ratio <= bars.requests },
);
report('inputs bought more than once', String(bought.repeatedTexts), { text: '= 0', met: bought.repeatedTexts === 0 });
report('inputs bought by the second post', String(boughtAgain.inputs), { text: '= 0', met: boughtAgain.inputs === 0 });
report('documents a second, second post', again.toFixed(1));

await admin.end();
await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
