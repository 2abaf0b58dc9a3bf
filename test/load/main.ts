/**
 * `npm run load [-- --users 50,100,200,500] [--seconds 60] [--interval 5] [--pages 500] [--url https://… --key dbrag_…]`: so many users at once, each
 * with one request an interval: searches, questions (as often as words of a language, so that some come again and again), lists, posts and uploads.
 * Without `--url` the local cloud on native engines, which is started for it, with a connected database whose tables keep changing beside the
 * users; with one, that deployment, in a collection of its own and without the tables.
 */
import { parseArgs } from 'node:util';
import { report } from '../bench/statistics.ts';
import { seededRandom } from '../support/database-random.ts';
import { requestsOf } from './requests.ts';
import { type Summary, summarise } from './summarise.ts';
import type { TablesTaken } from './tables.ts';
import { allTaken, fill, reachTarget, startTarget } from './target.ts';
import { runUsers } from './users.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '50,100,200,500' },
    seconds: { type: 'string', default: '60' },
    interval: { type: 'string', default: '5' },
    pages: { type: 'string', default: '500' },
    url: { type: 'string' },
    key: { type: 'string' },
  },
});
if (values.url !== undefined && values.key === undefined)
  throw new Error('--url needs --key, an API key of an editor.');
const [seconds, intervalSeconds, pages] = [values.seconds, values.interval, values.pages].map(Number) as [
  number,
  number,
  number,
];
/** At so many users the bars hold; beyond, figures are told. */
const heldUpTo = 200;
const bars = {
  milliseconds: 500,
  queryMilliseconds: 2_000,
  errorShare: 0.001,
  hits: 0.7,
  documentsAnHour: 1_000,
  tablesAnHour: 100,
};
const seed = 1;
/** As many questions as a cache has seen after some minutes of the smallest load. */
const warmUpSeconds = 30;

const target = await (values.url === undefined ? startTarget() : reachTarget(values.url, values.key as string));
try {
  await fill(target, pages);
  const next = requestsOf({ ...target, random: seededRandom(seed), pages });
  await runUsers({ users: 20, seconds: warmUpSeconds, intervalSeconds: 1, next });
  for (const users of values.users.split(',').map(Number)) {
    const [samples, tables] = await Promise.all([
      runUsers({ users, seconds, intervalSeconds, next }),
      target.database?.change(performance.now() + seconds * 1_000),
    ]);
    show(users, summarise(samples, seconds), tables);
    const began = performance.now();
    const failed = await allTaken(target);
    const secondsMore = ((performance.now() - began) / 1_000).toFixed(1);
    report(`${users} users: until the last document is ready, after the last request`, `${secondsMore} s`);
    report(`${users} users: documents that failed`, String(failed), { text: '<= 0', met: failed === 0 });
  }
} finally {
  await target.close();
}
process.exit();

function show(users: number, found: Summary, tables: TablesTaken | undefined): void {
  const held = users <= heldUpTo;
  const tell = (name: string, value: string, text: string, met: boolean): void =>
    report(`${users} users: ${name}`, value, held ? { text, met } : undefined);
  const tellRate = (name: string, count: number, least: number): void => {
    const anHour = (count / seconds) * 3_600;
    tell(name, `${anHour.toFixed(0)} an hour`, `>= ${least} an hour`, anHour >= least);
  };
  process.stdout.write(`answers ${JSON.stringify(found.statuses)}\n`);
  report(
    `${users} users, a request each ${intervalSeconds} s, ${seconds} s`,
    `${found.requests} requests, ${found.perSecond.toFixed(1)} a second`,
  );
  tell(
    'p95 of all but questions',
    `${found.p95.toFixed(0)} ms`,
    `< ${bars.milliseconds} ms`,
    found.p95 < bars.milliseconds,
  );
  tell(
    'p95 of questions',
    `${found.p95OfQueries.toFixed(0)} ms`,
    `< ${bars.queryMilliseconds} ms`,
    found.p95OfQueries < bars.queryMilliseconds,
  );
  const errors = `${(found.errorShare * 100).toFixed(2)} %`;
  tell('errors', errors, `< ${bars.errorShare * 100} %`, found.errorShare < bars.errorShare);
  tell('connections that broke', String(found.broken), '<= 0', found.broken === 0);
  report(`${users} users: answered 429, counted apart`, String(found.limited));
  const hits = `${(found.embeddingHits * 100).toFixed(0)} %`;
  tell('vectors or results that were known', hits, `> ${bars.hits * 100} %`, found.embeddingHits > bars.hits);
  const results = `${(found.resultHits * 100).toFixed(0)} %`;
  report(`${users} users: of these results (void once a document is ready)`, results);
  tellRate('documents taken in', found.documents, bars.documentsAnHour);
  if (tables) {
    tellRate('tables described', tables.described, bars.tablesAnHour);
    const slowest =
      tables.refreshes.length === 0 ? 'none ended' : `${(Math.max(...tables.refreshes) / 1_000).toFixed(1)} s`;
    report(`${users} users: slowest of ${tables.refreshes.length} refreshes of the catalog`, slowest);
  }
  for (const [kind, count, p50, p95] of found.byKind)
    report(`${users} users: ${kind}, p50 | p95 of ${count}`, `${p50.toFixed(0)} | ${p95.toFixed(0)} ms`);
}
