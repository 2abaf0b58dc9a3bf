/**
 * `npm run bench:cold-start [-- --samples 10]`: what a fresh Node process pays before it can work, per function: the import of its
 * bundle with all that happens at its top level, and for the HTTP function the first request (GET /v1/collections with a key: a
 * secret, a database login, a key look-up, a list). Node's own start is not counted, since it is nobody's to change.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { callApi } from '../../infra/local/start/first-workspace.ts';
import { startRuntime } from '../support/runtime-interface.ts';
import { bodyOf, gatewayEvent } from '../support/runtime-interface-event.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { startModelServer } from './model-server.ts';
import { type Cloud, startCloud } from './start-cloud.ts';
import { median, percentile, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '10' },
    /** Writes a processor profile of every sample into this directory. */
    profile: { type: 'string' },
  },
});
const samples = Number(values.samples);
const bars = { http: 60, firstRequest: 120, queue: 80 };
const profiled = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`, '--cpu-prof-interval=200'] : [];

interface Sample {
  readonly imported: number;
  /** Import, and the first request on top of it. */
  readonly answered: number;
}

async function sample(variables: Readonly<Record<string, string>>, event?: object): Promise<Sample> {
  const runtime = await startRuntime({ variables, nodeOptions: profiled });
  const imported = runtime.importMilliseconds;
  let answered = imported;
  if (event) {
    const answer = await runtime.invoke(event);
    bodyOf(answer.payload);
    answered += answer.handlerMilliseconds;
  }
  await runtime.close();
  return { imported, answered };
}

async function measure(cloud: Cloud, handler: string, event?: object): Promise<void> {
  const variables = cloud.variablesOf(handler);
  // The first one reads the bundle from the disk.
  await sample(variables, event);
  const taken: Sample[] = [];
  for (let index = 0; index < samples; index += 1) taken.push(await sample(variables, event));
  const show = (name: string, times: readonly number[], bar: number): void => {
    const value = median(times);
    const spread = `${percentile(times, 0).toFixed(0)} to ${percentile(times, 1).toFixed(0)}`;
    report(`${handler}: ${name}`, `${value.toFixed(0)} ms  (${spread})`, { text: `<= ${bar} ms`, met: value <= bar });
  };
  show(
    'imports',
    taken.map(({ imported }) => imported),
    handler.startsWith('http/') ? bars.http : bars.queue,
  );
  if (!event) return;
  show(
    'imports and first request',
    taken.map(({ answered }) => answered),
    bars.firstRequest,
  );
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-cold-'));
const engines = await startEngines('cold');
await dropDatabase(engines, 'dbrag');
const models = await startModelServer();
const cloud = await startCloud({
  assemblyDirectory: await assemblyOf('local'),
  dataDirectory: join(directory, 'data'),
  port: 0,
  databaseUrl: engines.databaseUrl,
  redisUrl: engines.redisUrl,
  models: { baseUrl: models.baseUrl },
});
const { api_key } = await callApi<{ api_key: { secret: string } }>(
  cloud.url,
  cloud.operatorKey,
  'POST',
  '/v1/workspaces',
  { name: 'bench' },
);
const list = gatewayEvent('GET', '/v1/collections', api_key.secret);
await measure(cloud, 'http/api.handler', list);
await measure(cloud, 'http/stream.handler');
const queueFunctions = cloud.functions.map(({ handler }) => handler).filter((handler) => handler.startsWith('queue/'));
for (const handler of queueFunctions) await measure(cloud, handler);
await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
