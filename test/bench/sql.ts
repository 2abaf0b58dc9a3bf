/**
 * `npm run bench:sql [-- --samples 100 --tables 500 --model-ms 300]`: what of a generated statement, and of an answer from a database, is
 * ours: the time by the client's clock less that in which a model was asked. The demo's shop beside many tables, on native engines; the
 * offline models, each call of which takes `--model-ms` and whatever they need. One request at a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createShop } from '../../infra/local/demo/shop.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { createWorkspace } from '../support/local-cloud.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { httpClient, successOf } from './http-client.ts';
import { startCloud } from './start-cloud.ts';
import { percentile, report } from './statistics.ts';
import { startTimedModels } from './timed-models.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '100' },
    tables: { type: 'string', default: '500' },
    'model-ms': { type: 'string', default: '300' },
  },
});
const samples = Number(values.samples);
const tables = Number(values.tables);
const modelMilliseconds = Number(values['model-ms']);
const bars = { ours: 100, route: 100, whole: 500 };
const warmUps = 10;
const statuses = ['shipped', 'paid', 'open', 'returned'];

/** Each unlike all others, so that nobody knows its answer yet. */
const questionOf = (number: number) =>
  `How many orders have the status ${statuses[number % statuses.length]} (asked by colleague ${word(number)})?`;
const word = (number: number): string =>
  [...number.toString(26)].map((digit) => 'abcdefghijklmnopqrstuvwxyz'[Number.parseInt(digit, 26)]).join('');

interface Measured {
  /** Milliseconds by the client's clock. */
  readonly whole: number;
  /** Of that, without any model's. */
  readonly ours: number;
  /** Of that, in the customer's database, by way of the function that connects. */
  readonly theirs: number;
  readonly route: number;
}

const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-sql-'));
const engines = await startEngines('sql');
await dropDatabase(engines, 'dbrag');
const models = await startTimedModels();
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
const connectionId = await connect();
models.chatMilliseconds = modelMilliseconds;

/** The shop, with so many other tables that somebody keeps in the same schema. */
async function connect(): Promise<string> {
  const login = await createShop(cloud.adminDatabaseUrl);
  const admin = new pg.Client({ connectionString: cloud.adminDatabaseUrl });
  await admin.connect();
  for (let n = 0; n < tables; n += 1)
    await admin.query(
      `CREATE TABLE shop.ledger_${n} (id int PRIMARY KEY, customer_id int REFERENCES shop.customers (id), booked_on date, amount numeric,
         currency text, reference text, remark text, approved_by text, approved_at timestamptz, cost_center text)`,
    );
  await admin.query('GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_reader');
  await admin.end();
  const settings = {
    name: 'shop',
    engine: 'postgres',
    ...login,
    ssl: false,
    schemas: ['shop'],
    send_rows_to_model: true,
  };
  const made = successOf<{ id: string; job: { id: string } }>(await api('POST', '/v1/connections', settings));
  for (;;) {
    const job = successOf<{ status: string; why: string }>(await api('GET', `/v1/jobs/${made.job.id}`));
    if (job.status === 'succeeded') return made.id;
    if (job.status === 'failed') throw new Error(`the catalog: ${job.why}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

let asked = 0;

/** The members of an answer of either kind that are read here. */
interface Told {
  readonly timing_ms: { readonly plan: number; readonly sql_execute: number; readonly route: number };
  readonly planned: boolean;
  readonly attempts: number;
  readonly sql: unknown;
  readonly error: unknown;
}

async function measure(
  path: string,
  body: (question: string) => object,
  read: (answer: Told) => { readonly theirs: number; readonly route: number },
): Promise<Measured> {
  models.takeBusy();
  const answer = await api('POST', path, body(questionOf(asked++)));
  const { theirs, route } = read(successOf(answer));
  return { whole: answer.milliseconds, ours: answer.milliseconds - models.takeBusy(), theirs, route };
}

const generate = () =>
  measure(
    '/v1/sql/generate',
    (question) => ({ connection_id: connectionId, question }),
    ({ timing_ms: { plan }, planned, attempts }) => {
      if (!planned || attempts !== 1) throw new Error('a statement was not planned at once');
      return { theirs: plan, route: 0 };
    },
  );
const ask = (route: string) => () =>
  measure(
    '/v1/queries',
    (question) => ({ question, route, connection_ids: [connectionId] }),
    ({ timing_ms: { sql_execute: theirs, route: chosen }, sql, error }) => {
      if (!sql || error) throw new Error(`an answer without rows: ${JSON.stringify(error)}`);
      return { theirs, route: chosen };
    },
  );

async function show(name: string, once: () => Promise<Measured>): Promise<readonly Measured[]> {
  for (let n = 0; n < warmUps; n += 1) await once();
  const measured: Measured[] = [];
  for (let n = 0; n < samples; n += 1) measured.push(await once());
  const of = (member: keyof Measured, share: number) =>
    percentile(
      measured.map((each) => each[member]),
      share,
    );
  const pair = (member: keyof Measured) => `${of(member, 0.5).toFixed(1)} | ${of(member, 0.95).toFixed(1)} ms`;
  report(`${name}: ours, p50 | p95 of ${samples}`, pair('ours'), {
    text: `p95 < ${bars.ours} ms`,
    met: of('ours', 0.95) < bars.ours,
  });
  report('  of that, planning and running in their database', pair('theirs'));
  report(`  with models that take ${modelMilliseconds} ms a call`, pair('whole'));
  return measured;
}

const generated = await show('a generated statement', generate);
const whole = percentile(
  generated.map((each) => each.whole),
  0.95,
);
report(`a generated statement with offline models of ${modelMilliseconds} ms`, `p95 ${whole.toFixed(0)} ms`, {
  text: `< ${bars.whole} ms`,
  met: whole < bars.whole,
});
await show('an answer from a database', ask('database'));
const routed = await show('an answer that must find its way', ask('auto'));
const route = percentile(
  routed.map((each) => each.route),
  0.95,
);
report('  choosing the way, embedding of the question included', `p95 ${route.toFixed(1)} ms`, {
  text: `< ${bars.route} ms`,
  met: route < bars.route,
});

await cloud.close();
await models.close();
rmSync(directory, { recursive: true });
process.exit();
