/**
 * How fast a catalog is made: tables of a customer's database described by a chat model that takes 100 ms, in batches of ten messages by
 * as many workers as a stage has (`connections.catalogConcurrency`). On a native server.
 *
 *   npm run bench:catalog            1,000 tables, 4 workers
 *   TABLES=200 WORKERS=2 npm run bench:catalog
 */
import { CatalogWorld } from '../integration/databases/catalog-world.ts';
import { exportEngines } from './engines.ts';
import { report } from './statistics.ts';

const tables = Number(process.env.TABLES ?? 1_000);
const workers = Number(process.env.WORKERS ?? 4);
const bars = { tablesAMinute: 1_000 };
await exportEngines('catalog');
const world = await CatalogWorld.start();
try {
  world.chat.milliseconds = 100;
  const statements = Array.from(
    { length: tables },
    (_, n) =>
      `CREATE TABLE table_${n} (id int PRIMARY KEY, name text NOT NULL, created_at timestamptz, amount numeric(10, 2), status text)`,
  );
  for (let at = 0; at < tables; at += 100) await world.customer(statements.slice(at, at + 100).join('; '));
  const connection = await world.connect();
  const began = performance.now();
  const jobId = await world.beginRefresh(connection);
  await world.maintain('refresh_catalog', jobId);
  const listed = performance.now();
  await world.drain(workers);
  const seconds = (performance.now() - began) / 1_000;
  const { status, result } = await world.job(jobId);
  const calls = world.chat.requests.length;
  const again = performance.now();
  await world.refresh(connection);
  const tablesAMinute = (tables / seconds) * 60;
  report(`${tables} tables, ${workers} workers: the job`, `${status}, ${JSON.stringify(result)}`);
  report('tables a minute', tablesAMinute.toFixed(0), {
    text: `>= ${bars.tablesAMinute}`,
    met: tablesAMinute >= bars.tablesAMinute,
  });
  report('calls to the chat model', String(calls), { text: `<= ${tables}, one a table`, met: calls <= tables });
  report('listing', `${Math.round(listed - began)} ms`);
  report('a refresh in which nothing changed', `${Math.round(performance.now() - again)} ms`);
  const calledAgain = world.chat.requests.length - calls;
  report('calls to the chat model for it', String(calledAgain), { text: '<= 0', met: calledAgain === 0 });
  report('embedding requests of both', String(world.embedder.requests.length));
} finally {
  await world.close();
}
