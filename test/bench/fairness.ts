/**
 * `npm run test:fairness [-- --chunks 50000 --samples 40 --backlog low]`: one workspace has 50,000 chunks waiting at low priority and
 * being worked off; another workspace posts one page, and the same workspace posts a critical one. Both must be ready within five
 * times what they take when nothing waits (median by median, p95 by p95). The backlog is piled up anew until there are enough samples: a p95 of few
 * would be their maximum. The whole system on this machine: native engines, the deployed functions, and a model
 * server that takes 80 ms and 0.2 ms an input. With `--backlog default` the backlog has the priority of the other workspace's page:
 * nothing is promised then but its turn.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type LocalCloud, startLocalCloud } from '../../infra/local/cloud.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import type { Priority } from '../../shared/core/work-queue.ts';
import { createWorkspace, type TestWorkspace } from '../support/local-cloud.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { type HttpClient, httpClient, successOf } from './http-client.ts';
import { markdownDocument, onePage } from './markdown-corpus.ts';
import { startModelServer } from './model-server.ts';
import { percentile, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '50000' },
    samples: { type: 'string', default: '40' },
    backlog: { type: 'string', default: 'low' },
  },
});
const [chunks, samples] = [Number(values.chunks), Number(values.samples)];
const backlog = values.backlog as Priority;
const bar = 5;
/** Sections of about 200 tokens, each a chunk: enough that posting is not what the backlog costs. */
const chunksPerDocument = 250;
const warmUps = 3;
const apartMilliseconds = 600;
const pollMilliseconds = 10;
const longestMilliseconds = 600_000;
/** A backlog that is worked off before enough was measured beside it is piled up again so often. */
const mostBacklogs = 8;

interface Client {
  readonly name: string;
  readonly workspace: TestWorkspace;
  readonly api: HttpClient;
  readonly priority: Priority;
}

function clientOf(name: string, cloud: LocalCloud, workspace: TestWorkspace, priority: Priority): Client {
  return { name, workspace, priority, api: httpClient(cloud.url, { authorization: `Bearer ${workspace.apiKey}` }) };
}

let pages = 0;
let backlogDocuments = 0;

async function post({ workspace, api, priority }: Client, name: string, content: string): Promise<string> {
  const body = { collection_id: workspace.collectionId, name, content, content_type: 'text/markdown', priority };
  const { document } = successOf<{ document: { id: string } }>(await api('POST', '/v1/documents', body));
  return document.id;
}

/** Milliseconds from the post of one page until searches see it. */
async function timeToReady(client: Client): Promise<number> {
  const page = onePage(pages++);
  const started = performance.now();
  const id = await post(client, page.name, page.content);
  for (;;) {
    const { live_version, status } = successOf<{ live_version: number | null; status: string }>(
      await client.api('GET', `/v1/documents/${id}`),
    );
    if (live_version !== null) return performance.now() - started;
    if (status === 'failed') throw new Error(`${page.name} failed`);
    if (performance.now() - started > longestMilliseconds) throw new Error(`${page.name} never became ready`);
    await sleep(pollMilliseconds);
  }
}

/** In turns, so that neither has the better moments; apart, since uploads of the same second share a nudge. */
async function measure(clients: readonly Client[], count: number, goOn: () => Promise<boolean>): Promise<number[][]> {
  const measured: number[][] = clients.map(() => []);
  for (let sample = 0; sample < count && (await goOn()); sample += 1)
    for (const [i, client] of clients.entries()) {
      measured[i]?.push(await timeToReady(client));
      await sleep(apartMilliseconds);
    }
  return measured;
}

async function waiting(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM dbrag.pending_embeddings WHERE priority = $1',
    [backlog],
  );
  return (rows[0] as { count: number }).count;
}

/** Posts and splits the backlog while its embed queue is not read, so that all of it waits at once. */
async function pileUp(cloud: LocalCloud, admin: pg.Client, client: Client): Promise<() => void> {
  const { mappings } = cloud;
  const queue = cloud.aws.sqs.queue(`dbrag-local-embed-${backlog}`);
  const found = cloud.assembly.eventSourceMappings.find(({ queueArn }) => queueArn === queue?.arn);
  const mapping = mappings.get(found?.logicalId ?? '');
  if (!mapping) throw new Error(`nothing reads the queue embed-${backlog}`);
  await mapping.stop();
  for (let posted = 0; posted < chunks; posted += chunksPerDocument) {
    // Never a text again: it would have its vectors already.
    const { name, content } = markdownDocument(backlogDocuments++, chunksPerDocument);
    await post(client, name, content);
  }
  const ends = performance.now() + longestMilliseconds;
  while ((await waiting(admin)) < chunks) {
    if (performance.now() > ends) throw new Error(`only ${await waiting(admin)} chunks wait`);
    await sleep(500);
  }
  return () => mapping.start();
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-fairness-'));
const engines = await startEngines('fairness');
await dropDatabase(engines, 'dbrag');
const models = await startModelServer('--latency-ms', '80', '--per-input-ms', '0.2');
const cloud = await startLocalCloud({
  assemblyDirectory: () => assemblyOf('local'),
  dataDirectory: join(directory, 'data'),
  port: 0,
  databaseUrl: engines.databaseUrl,
  redisUrl: engines.redisUrl,
  models: { baseUrl: models.baseUrl },
  log: (line) => process.stderr.write(`${line}\n`),
});
const admin = new pg.Client({ connectionString: cloud.database.adminUrl });
await admin.connect();

const busy = await createWorkspace(cloud, 'busy');
const clients = [
  clientOf('another workspace, default', cloud, await createWorkspace(cloud, 'quiet'), 'default'),
  clientOf('the same workspace, critical', cloud, busy, 'critical'),
];
await measure(clients, warmUps, async () => true);
const unloaded = await measure(clients, samples, async () => true);
const loaded: number[][] = clients.map(() => []);
const fewest = (): number => Math.min(...loaded.map(({ length }) => length));
for (let piled = 0; piled < mostBacklogs && fewest() < samples; piled += 1) {
  const start = await pileUp(cloud, admin, clientOf('backlog', cloud, busy, backlog));
  const before = await waiting(admin);
  start();
  const began = performance.now();
  const measured = await measure(clients, samples - fewest(), async () => (await waiting(admin)) > 0);
  for (const [i, taken] of measured.entries()) loaded[i]?.push(...taken);
  const [left, seconds] = [await waiting(admin), (performance.now() - began) / 1_000];
  report(`chunks waiting at ${backlog} priority, at the beginning`, String(before));
  report('  at the end', `${left}, after ${seconds.toFixed(0)} s and ${measured[0]?.length} samples`);
}
for (const [i, { name, priority }] of clients.entries()) {
  const [idle, under] = [unloaded[i] as number[], loaded[i] as number[]];
  const isPromised = priority !== backlog;
  report(name, `${under.length} samples`, { text: `= ${samples}`, met: under.length === samples });
  for (const [label, share] of [['p50', 0.5] as const, ['p95', 0.95] as const]) {
    const [before, after] = [percentile(idle, share), percentile(under, share)];
    const ratio = after / before;
    report(
      `  ready, ${label}: nothing waits | they wait`,
      `${before.toFixed(0)} | ${after.toFixed(0)} ms = ${ratio.toFixed(2)}`,
      isPromised ? { text: `<= ${bar}`, met: ratio <= bar } : undefined,
    );
  }
}

await admin.end();
await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
