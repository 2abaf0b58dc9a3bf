/**
 * `npm run bench:latency [-- --samples 20 --minutes 3 --per-hour 1000]`: how long a PDF of ten pages takes from the moment at which
 * the bucket has it until searches see it. First one at a time, with nothing else to do; then while such files come in evenly at
 * 1,000 an hour, each of them measured. The whole local cloud on native engines; the model server takes 80 ms and 0.2 ms an input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { createWorkspace } from '../support/local-cloud.ts';
import { samplePdf } from '../unit/ingestion/formats/sample-pdf.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { httpClient, successOf } from './http-client.ts';
import { markdownDocument } from './markdown-corpus.ts';
import { startModelServer } from './model-server.ts';
import { startCloud } from './start-cloud.ts';
import { percentile, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '3' },
    'per-hour': { type: 'string', default: '1000' },
  },
});
const [samples, minutes, perHour] = [Number(values.samples), Number(values.minutes), Number(values['per-hour'])];
const bars = { idle: 5, loaded: 30 };
const pages = 10;
const linesPerPage = 44;
const charactersPerLine = 90;
const pollMilliseconds = 20;
/** Beyond this a nudge is not shared with the one before. */
const restMilliseconds = 1_500;
const warmUps = 2;
const longestMilliseconds = 120_000;

/** Ten full pages of prose, about 5,000 words, unlike all others. */
function tenPages(number: number): Buffer {
  const { content } = markdownDocument(2_000_000 + number, 60);
  const words = content.split(/\s+/).filter((word) => /^[A-Za-z.]+$/.test(word));
  const lines: string[] = [''];
  for (const word of words) {
    const line = lines.at(-1) as string;
    if (line.length + word.length < charactersPerLine) lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    else lines.push(word);
  }
  if (lines.length < pages * linesPerPage) throw new Error(`only ${lines.length} lines`);
  return samplePdf(
    Array.from({ length: pages }, (_, page) => lines.slice(page * linesPerPage, (page + 1) * linesPerPage)),
  );
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-latency-'));
const engines = await startEngines('latency');
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
const workspace = await createWorkspace(cloud, 'bench');
const api = httpClient(cloud.url, { authorization: `Bearer ${workspace.apiKey}` });

interface Announced {
  readonly document_id: string;
  readonly upload: { readonly url: string; readonly headers: Record<string, string> };
}

/** Seconds from the bucket's answer to the PUT until the document is ready. */
async function upload(number: number): Promise<number> {
  const pdf = tenPages(number);
  const file = { name: `${number}.pdf`, content_type: 'application/pdf', size_bytes: pdf.length };
  const announced = successOf<Announced>(
    await api('POST', '/v1/uploads', { collection_id: workspace.collectionId, ...file }),
  );
  const put = await fetch(announced.upload.url, { method: 'PUT', headers: announced.upload.headers, body: pdf });
  if (!put.ok) throw new Error(`PUT: ${put.status} ${await put.text()}`);
  const started = performance.now();
  for (;;) {
    const document = successOf<{ status: string; error: unknown }>(
      await api('GET', `/v1/documents/${announced.document_id}`),
    );
    if (document.status === 'ready') return (performance.now() - started) / 1_000;
    if (document.status === 'failed') throw new Error(`${file.name}: ${JSON.stringify(document.error)}`);
    if (performance.now() - started > longestMilliseconds) throw new Error(`${file.name} is ${document.status} still`);
    await sleep(pollMilliseconds);
  }
}

let number = 0;

async function idle(count: number): Promise<number[]> {
  const measured: number[] = [];
  for (let sample = 0; sample < count; sample += 1) {
    measured.push(await upload(number++));
    await sleep(restMilliseconds);
  }
  return measured;
}

async function loaded(): Promise<number[]> {
  const count = Math.round((perHour / 60) * minutes);
  const uploads: Promise<number>[] = [];
  for (let sample = 0; sample < count; sample += 1) {
    const started = upload(number++);
    started.catch(() => {});
    uploads.push(started);
    await sleep(3_600_000 / perHour);
  }
  return Promise.all(uploads);
}

function show(label: string, measured: readonly number[], bar: number): void {
  const [p50, p95] = [percentile(measured, 0.5), percentile(measured, 0.95)];
  report(`${label}: p50 | p95 of ${measured.length}`, `${p50.toFixed(2)} | ${p95.toFixed(2)} s`, {
    text: `p95 <= ${bar} s`,
    met: p95 <= bar,
  });
}

await idle(warmUps);
show(`a PDF of ${pages} pages, nothing else to do`, await idle(samples), bars.idle);
show(`${perHour} of them an hour, ${minutes} minutes long`, await loaded(), bars.loaded);

await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
