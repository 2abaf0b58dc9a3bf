/**
 * The firewall's score: both sets, the processor time of a check, and statements made of both sets for a minute, each of which is run if it was
 * accepted, by a role that may do everything in a transaction that may write. What changes the database then is the firewall's
 * fault alone.
 *
 * Needs LOCAL_DATABASE_URL (`npm run native-engines -- start`). SECONDS=60, SEED=1.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { checkStatement } from '../../shared/databases/firewall/check-statement.ts';
import { percentile } from '../bench/statistics.ts';
import { attacks } from '../support/firewall/attacks.ts';
import { honest } from '../support/firewall/honest.ts';
import { Mutations } from '../support/firewall/mutations.ts';
import { shop, shopSchema } from '../support/firewall/shop.ts';
import { Proving } from './proving.ts';

const seconds = Number(process.env.SECONDS ?? 60);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const longestCheck = 5;
/** Clocks of processors are coarse. */
const repetitions = 10;
const coldProcesses = 6;

const url = process.env.LOCAL_DATABASE_URL;
if (!url) throw new Error('Start native engines first: export $(npm run --silent native-engines -- start)');
const failures: string[] = [];

async function withDatabase(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const name = `firewall_${process.pid}`;
  const server = new pg.Client(url);
  await server.connect();
  await server.query(`CREATE DATABASE ${name}`);
  const client = new pg.Client({ connectionString: Object.assign(new URL(url ?? ''), { pathname: name }).href });
  try {
    await client.connect();
    await client.query(shopSchema);
    await work(client);
  } finally {
    await client.end();
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await server.end();
  }
}

async function score(): Promise<void> {
  // A process that has seen statements before, as all but the first of an environment do.
  for (const sql of [attacks, honest].flatMap((sets) => Object.values(sets).flat())) await checkStatement(sql, shop);
  const times: number[] = [];
  for (const [name, sets, wanted] of [['attacks', attacks, false] as const, ['honest', honest, true] as const]) {
    for (const [category, statements] of Object.entries(sets)) {
      const accepted: string[] = [];
      for (const sql of statements) {
        const began = process.cpuUsage();
        for (let time = 1; time < repetitions; time += 1) await checkStatement(sql, shop);
        const decision = await checkStatement(sql, shop);
        const { user, system } = process.cpuUsage(began);
        times.push((user + system) / 1_000 / repetitions);
        if (decision.accepted) accepted.push(sql);
        if (decision.accepted !== wanted) failures.push(`${name}: ${sql.slice(0, 200)}`);
      }
      console.log(`${name.padEnd(8)} ${category.padEnd(52)} ${accepted.length} of ${statements.length} accepted`);
    }
    const all = Object.values(sets).flat().length;
    console.log(`${name}: ${all} statements`);
  }
  times.sort((one, other) => one - other);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0;
  console.log(
    `check, processor time of a statement: p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms, longest ${times.at(-1)?.toFixed(2)} ms`,
  );
  if (at(0.99) >= longestCheck) failures.push(`p99 of a check is ${at(0.99).toFixed(2)} ms`);
}

/** The first checks of fresh processes, which are what a caller meets who wakes one; by the clock, so only of a machine that is idle. */
function scoreCold(): void {
  const runs = Array.from({ length: coldProcesses }, (_, n) => {
    const arguments_ = [fileURLToPath(new URL('./cold.ts', import.meta.url)), String(n + 1), 'warm'];
    return JSON.parse(execFileSync(process.execPath, arguments_, { encoding: 'utf8' })) as {
      loaded: number;
      milliseconds: number[];
    };
  });
  const times = runs.flatMap(({ milliseconds }) => milliseconds);
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const loaded = percentile(
    runs.map(({ loaded: each }) => each),
    0.5,
  );
  console.log(
    `first checks of ${coldProcesses} processes: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, after ${loaded.toFixed(0)} ms of loading and warming`,
  );
  // Others who wait for the same processors are no time of ours, and the clock of threads is too coarse to leave them out.
  const load = loadavg()[0] ?? 0;
  if (load >= availableParallelism()) console.log(`  not held to the bar: the load is ${load.toFixed(1)}`);
  else if (p99 >= longestCheck) failures.push(`p99 of a process's first checks is ${p99.toFixed(2)} ms`);
}

async function fuzz(proving: Proving): Promise<void> {
  const mutations = new Mutations(seed);
  const end = Date.now() + seconds * 1_000;
  const counts = { tried: 0, accepted: 0, ran: 0 };
  while (Date.now() < end && failures.length < 20) {
    const sql = mutations.next();
    counts.tried += 1;
    try {
      const decision = await checkStatement(sql, shop);
      if (!decision.accepted) continue;
      counts.accepted += 1;
      const { ran, fault } = await proving.run(decision.statement);
      if (ran) counts.ran += 1;
      if (fault) failures.push(`${fault}: ${sql}`);
    } catch (error) {
      failures.push(`threw ${error}: ${sql}`);
    }
  }
  if (await proving.hasChanged()) failures.push('The database is not what it was.');
  console.log(
    `fuzzing, seed ${seed}, ${seconds} s: ${counts.tried} tried, ${counts.accepted} accepted, ${counts.ran} ran`,
  );
}

await score();
scoreCold();
await withDatabase(async (client) => {
  const proving = await Proving.begin(client, shop);
  for (const sql of Object.values(honest).flat()) {
    const decision = await checkStatement(sql, shop);
    const { ran, fault } = decision.accepted ? await proving.run(decision.statement) : { ran: false, fault: null };
    if (!ran || fault) failures.push(`honest, did not run: ${fault ?? proving.lastError}: ${sql}`);
  }
  await fuzz(proving);
});
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(failures.length === 0 ? 'All held.' : `${failures.length} did not hold.`);
process.exitCode = failures.length === 0 ? 0 : 1;
