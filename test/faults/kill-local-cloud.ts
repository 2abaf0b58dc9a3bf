/**
 * `npm run test:kill [-- --documents 2000]`: the whole local cloud, as `npm start` runs it, is killed (SIGKILL) while documents are
 * being posted, and started again; what was not acknowledged is posted again. Then every document must be ready and every chunk there
 * exactly once. Native engines of its own; exits with 1 when anything is lost or doubled.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { dropDatabase, startEngines } from '../bench/engines.ts';
import { type HttpClient, httpClient } from '../bench/http-client.ts';
import { markdownDocument } from '../bench/markdown-corpus.ts';
import { startModelServer } from '../bench/model-server.ts';

interface LocalFile {
  readonly api_url: string;
  readonly api_key: string;
  readonly collection_id: string;
  readonly admin_database_url: string;
}

const { values } = parseArgs({ options: { documents: { type: 'string', default: '2000' } } });
const documents = Number(values.documents);
const connections = 8;
const readyWithinMilliseconds = 300_000;

/** Rows are faults: a version that is not finished, counts that differ from placements, a live text without a vector, an orphan. */
const checker = `
  SELECT 'unfinished', count(*) FROM dbrag.document_versions WHERE status NOT IN ('ready', 'failed', 'cancelled')
  UNION ALL SELECT 'failed', count(*) FROM dbrag.document_versions WHERE status = 'failed'
  UNION ALL SELECT 'counts differ', count(*) FROM dbrag.documents d
    JOIN dbrag.document_versions v ON v.document_id = d.id AND v.version = d.live_version
    LEFT JOIN LATERAL (SELECT count(*) AS n, count(DISTINCT ordinal) AS ordinals, max(ordinal) AS last FROM dbrag.placements p
      WHERE p.document_id = v.document_id AND p.version = v.version) x ON true
    WHERE v.chunks <> x.n OR x.ordinals <> x.n OR (x.n > 0 AND x.last <> x.n - 1)
  UNION ALL SELECT 'without a vector', count(*) FROM dbrag.documents d
    JOIN dbrag.placements p ON p.document_id = d.id AND p.version = d.live_version
    WHERE NOT EXISTS (SELECT FROM dbrag.embeddings e WHERE e.document_id = p.document_id AND e.content_hash = p.content_hash)
  UNION ALL SELECT 'still to buy', count(*) FROM dbrag.pending_embeddings
  UNION ALL SELECT 'chunks without a document', count(*) FROM dbrag.chunks c
    WHERE NOT EXISTS (SELECT FROM dbrag.documents d WHERE d.id = c.document_id)
  UNION ALL SELECT 'metered twice', greatest(0, (SELECT coalesce(sum(embedding_tokens), 0) FROM dbrag.usage_events WHERE operation = 'ingest')
    - (SELECT coalesce(sum(token_count), 0) FROM dbrag.chunks))`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(environment: Record<string, string>): Promise<{ child: ChildProcess; seconds: number }> {
  const began = performance.now();
  const program = fileURLToPath(new URL('../../infra/local/start.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The local cloud ended with ${code} before it was ready.`)));
    child.stdout?.on('data', (text: Buffer) => {
      if (text.toString().includes('ready after')) resolve();
    });
  });
  return { child, seconds: (performance.now() - began) / 1_000 };
}

/** Posts what is left over several connections. A post that is not acknowledged stays left. */
async function post(api: HttpClient, collectionId: string, left: Set<number>, acknowledged: () => void): Promise<void> {
  const queue = [...left];
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
        const { name, content } = markdownDocument(number);
        const body = {
          collection_id: collectionId,
          name,
          content,
          content_type: 'text/markdown',
          source_uri: `file:///${number}.md`,
        };
        const status = await api('POST', '/v1/documents', body).then(
          (answer) => answer.status,
          () => 0,
        );
        if (status !== 202) continue;
        left.delete(number);
        acknowledged();
      }
    }),
  );
}

async function readyDocuments(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ ready: number }>(
    `SELECT count(*)::int AS ready FROM dbrag.documents WHERE status = 'ready' AND live_version = version`,
  );
  return rows[0]?.ready ?? 0;
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-kill-'));
const engines = await startEngines('kill');
await dropDatabase(engines, 'dbrag');
const models = await startModelServer('--latency-ms', '80', '--per-input-ms', '0.2');
const environment = {
  PORT: String(await freePort()),
  LOCAL_DATA_DIR: directory,
  LOCAL_DATABASE_URL: engines.databaseUrl,
  LOCAL_REDIS_URL: engines.redisUrl,
  OPENAI_BASE_URL: models.baseUrl,
  OPENAI_API_KEY: 'test',
};
const first = await start(environment);
const file = JSON.parse(readFileSync(join(directory, 'local.json'), 'utf8')) as LocalFile;
const client = () => httpClient(file.api_url, { authorization: `Bearer ${file.api_key}` }, connections);
const left = new Set(Array.from({ length: documents }, (_, number) => number));
let done = 0;
await post(client(), file.collection_id, left, () => {
  if (++done === Math.floor(documents / 2)) first.child.kill('SIGKILL');
});
console.log(`killed after ${done} of ${documents} documents were acknowledged`);
const second = await start(environment);
console.log(`ready again after ${second.seconds.toFixed(1)} s`);
await post(client(), file.collection_id, left, () => {});

const admin = new pg.Client({ connectionString: file.admin_database_url });
await admin.connect();
const until = performance.now() + readyWithinMilliseconds;
let ready = await readyDocuments(admin);
while (ready < documents && performance.now() < until) {
  await sleep(500);
  ready = await readyDocuments(admin);
}
console.log(`${ready} of ${documents} documents ready`);
const { rows } = await admin.query<{ '?column?': string; count: string | number }>(checker);
const faults = rows.filter((row) => Number(row.count) !== 0);
for (const fault of faults) console.log(`FAULT ${fault['?column?']}: ${fault.count}`);
const passed = ready === documents && left.size === 0 && faults.length === 0;
console.log(passed ? 'nothing lost, nothing doubled' : 'FAILED');

await admin.end();
const ended = new Promise((resolve) => second.child.once('exit', resolve));
second.child.kill('SIGTERM');
await ended;
await models.close();
rmSync(directory, { recursive: true });
process.exit(passed ? 0 : 1);
