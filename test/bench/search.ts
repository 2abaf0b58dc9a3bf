/**
 * `npm run bench:search [-- --chunks 100000]`: what a warm search costs over the fastest plain server on the same rows. The bundled
 * handler runs in processes of its own, driven over the Lambda runtime interface, so that no gateway is in the way; keys, validation
 * and row security are in. Every figure is a ratio within one run; the median of three is held against the bar.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { type RuntimeProcess, startRuntime } from '../support/runtime-interface.ts';
import { bodyOf, gatewayEvent } from '../support/runtime-interface-event.ts';
import { type HttpClient, httpClient, successOf } from './http-client.ts';
import { questions } from './search-corpus.ts';
import { model, type SearchWorld, startSearchWorld } from './search-world.ts';
import { median, percentile, report } from './statistics.ts';
import { wireClient } from './wire-client.ts';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '100000' },
    requests: { type: 'string', default: '500' },
    repeats: { type: 'string', default: '3' },
    profile: { type: 'string' },
    prepare: { type: 'boolean', default: false },
  },
});
const [chunks, requests, repeats] = [values.chunks, values.requests, values.repeats].map(Number) as [
  number,
  number,
  number,
];
const asked = questions(200);
const limit = 10;
/** Requests of one kind before the next kind has its turn. */
const turn = 25;
const processes = 8;
const rateSeconds = 5;
const bars = { semantic: 1.5, hybrid: 4, keywordMilliseconds: 5, rate: 0.65, cached: 0.5 };

type Mode = 'semantic' | 'hybrid' | 'keyword';
type Source = 'rate' | 'cached';
type Measure = () => Promise<number>;

const searchEvent = (world: SearchWorld, query: string, mode: Mode): object =>
  gatewayEvent('POST', '/v1/search', world.apiKey, { query, mode, limit });

async function searchHandler(runtime: RuntimeProcess, world: SearchWorld, query: string, mode: Mode) {
  const answer = await runtime.invoke(searchEvent(world, query, mode));
  return { answer, body: bodyOf<{ data: unknown[]; cache: { embedding: string; result: string } }>(answer.payload) };
}

/** What is compared must be comparable: ten hits from both, and a question that is known; its hits only where they are to be. */
async function warm(runtime: RuntimeProcess, world: SearchWorld, source: Source): Promise<void> {
  for (const mode of ['semantic', 'semantic', 'hybrid', 'keyword'] as const) {
    for (const [at, query] of asked.entries()) {
      const { body } = await searchHandler(runtime, world, query, mode);
      if (body.data.length !== limit) throw new Error(`${mode} found ${body.data.length} hits for question ${at}`);
    }
  }
  const { body } = await searchHandler(runtime, world, asked[0] as string, 'semantic');
  const { embedding, result } = body.cache;
  const expected = source === 'rate' ? embedding === 'hit' && result === 'off' : result === 'hit';
  if (!expected) throw new Error(`of the question the embedding was a ${embedding}, the result a ${result}`);
}

async function warmBare(bare: HttpClient): Promise<void> {
  for (const path of ['/search', '/cached'])
    for (const query of [...asked, ...asked]) {
      const { data } = successOf<{ data: unknown[] }>(await bare('POST', path, { query }));
      if (data.length !== limit) throw new Error(`the plain server found ${data.length} hits`);
    }
}

async function startBare(world: SearchWorld): Promise<{ client: HttpClient; child: ChildProcess }> {
  const file = fileURLToPath(new URL('./bare-search.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [file, world.cloud.adminDatabaseUrl, world.partition, model, variables[names.cacheUrl] as string],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const port = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const client = wireClient(`http://127.0.0.1:${port}`);
  await warmBare(client);
  return { client, child };
}

/** Turns of each kind, one after the other, so that whatever else the machine does falls on all alike. */
async function interleave(kinds: Readonly<Record<string, Measure>>): Promise<Record<string, number[]>> {
  const measured: Record<string, number[]> = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]));
  for (let done = 0; done < requests; done += turn) {
    for (const [name, measure] of Object.entries(kinds))
      for (let index = 0; index < turn; index += 1) measured[name]?.push(await measure());
  }
  return measured;
}

let position = 0;
const nextQuestion = (): string => asked[position++ % asked.length] as string;

async function compareLatency(runtime: RuntimeProcess, bare: HttpClient, world: SearchWorld): Promise<void> {
  const inside: Record<Mode, number[]> = { semantic: [], hybrid: [], keyword: [] };
  const handler = (mode: Mode) => async () => {
    const { milliseconds, handlerMilliseconds } = await runtime.invoke(searchEvent(world, nextQuestion(), mode));
    inside[mode].push(handlerMilliseconds);
    return milliseconds;
  };
  const ratios: Record<'semantic' | 'hybrid', number[]> = { semantic: [], hybrid: [] };
  const keyword: number[] = [];
  const show = (name: string, times: readonly number[]): void =>
    report(`  ${name}`, `p50 ${median(times).toFixed(2)} ms  p95 ${percentile(times, 0.95).toFixed(2)} ms`);
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const mode of ['semantic', 'hybrid', 'keyword'] as const) inside[mode] = [];
    const measured = await interleave({
      bare: async () => (await bare('POST', '/search', { query: nextQuestion() })).milliseconds,
      semantic: handler('semantic'),
      hybrid: handler('hybrid'),
      keyword: handler('keyword'),
    });
    keyword.push(median(measured.keyword ?? []));
    for (const [name, times] of Object.entries(measured)) show(name, times);
    for (const mode of ['semantic', 'hybrid'] as const) {
      show(`${mode}, inside the handler`, inside[mode]);
      ratios[mode].push(median(measured[mode] ?? []) / median(measured.bare ?? []));
    }
  }
  for (const mode of ['semantic', 'hybrid'] as const) {
    const ratio = median(ratios[mode]);
    report(
      `${mode}: p50 over the plain server`,
      `${ratio.toFixed(2)} x  (${ratios[mode].map((each) => each.toFixed(2))})`,
      {
        text: `<= ${bars[mode]} x`,
        met: ratio <= bars[mode],
      },
    );
  }
  const milliseconds = median(keyword);
  report('keyword: p50', `${milliseconds.toFixed(2)} ms  (${keyword.map((each) => each.toFixed(2))})`, {
    text: `<= ${bars.keywordMilliseconds} ms`,
    met: milliseconds <= bars.keywordMilliseconds,
  });
}

/** Requests a second of `clients` that each wait for their answer before they ask again. */
async function rate(clients: readonly (() => Promise<unknown>)[]): Promise<number> {
  const ends = performance.now() + rateSeconds * 1_000;
  const started = performance.now();
  let done = 0;
  const run = async (ask: () => Promise<unknown>): Promise<void> => {
    while (performance.now() < ends) {
      await ask();
      done += 1;
    }
  };
  await Promise.all(clients.map(run));
  return done / ((performance.now() - started) / 1_000);
}

/** @param what the handlers answer from: the search, or the cache of its results */
async function compareRates(
  what: Source,
  runtimes: readonly RuntimeProcess[],
  bare: HttpClient,
  world: SearchWorld,
): Promise<void> {
  const ratios: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const plain = await rate(
      runtimes.map(() => () => bare('POST', what === 'rate' ? '/search' : '/cached', { query: nextQuestion() })),
    );
    const handlers = await rate(
      runtimes.map((runtime) => () => runtime.invoke(searchEvent(world, nextQuestion(), 'semantic'))),
    );
    report(
      `  requests a second, plain server | handlers${what === 'cached' ? ', cached' : ''}`,
      `${plain.toFixed(0)} | ${handlers.toFixed(0)}`,
    );
    ratios.push(handlers / plain);
  }
  const ratio = median(ratios);
  report(
    `${what === 'cached' ? 'cached questions: ' : ''}rate of ${processes} handler processes over the plain server`,
    `${ratio.toFixed(2)} x  (${ratios.map((each) => each.toFixed(2))})`,
    { text: `>= ${bars[what]} x`, met: ratio >= bars[what] },
  );
}

/** What the local gateway adds, which no cloud would. */
async function compareGateway(runtime: RuntimeProcess, world: SearchWorld): Promise<void> {
  const gateway = httpClient(world.cloud.url);
  const event = gatewayEvent('GET', '/health', world.apiKey);
  for (let index = 0; index < 200; index += 1) await gateway('GET', '/health');
  const measured = await interleave({
    gateway: async () => (await gateway('GET', '/health')).milliseconds,
    direct: async () => (await runtime.invoke(event)).milliseconds,
  });
  const [through, direct] = [median(measured.gateway ?? []), median(measured.direct ?? [])];
  report('GET /health p50: gateway | direct', `${through.toFixed(2)} | ${direct.toFixed(2)} ms`);
}

const world = await startSearchWorld(chunks);
if (values.prepare) {
  await world.close();
  process.exit();
}
const variables = world.cloud.variablesOf('http/api.handler');
const nodeOptions = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
const start = (own: Readonly<Record<string, string>>): Promise<RuntimeProcess> =>
  startRuntime({ variables: { ...variables, ...own }, nodeOptions });
/** What is measured is the search; whatever keeps its results has a line of its own. */
const withoutResults = {
  [names.cacheSettings]: JSON.stringify({ ...JSON.parse(variables[names.cacheSettings] as string), queryTtl: 0 }),
};
const bare = await startBare(world);
const first = await start(withoutResults);
await warm(first, world, 'rate');
await compareLatency(first, bare.client, world);
await compareGateway(first, world);
const others = await Promise.all(Array.from({ length: processes - 1 }, () => start(withoutResults)));
await Promise.all(others.map((runtime) => warm(runtime, world, 'rate')));
await compareRates('rate', [first, ...others], bare.client, world);
await Promise.all([first, ...others].map((runtime) => runtime.close()));
const cached = await Promise.all(Array.from({ length: processes }, () => start({})));
await Promise.all(cached.map((runtime) => warm(runtime, world, 'cached')));
await compareRates('cached', cached, bare.client, world);
await Promise.all(cached.map((runtime) => runtime.close()));
bare.child.kill('SIGTERM');
await world.close();
process.exit();
