/**
 * `npm run soak [-- --minutes 30] [--seed N]`: mixed traffic on the whole system of the `test` stage, on native engines, while one random
 * fault follows another; then everything must come to rest, and nothing may be left. Availability outside of the faults, memory of every process,
 * what is lost or doubled, and rows and messages that nobody sweeps.
 */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { report } from '../bench/statistics.ts';
import { comeToRest, moveTime, queuesOf } from '../faults/come-to-rest.ts';
import { Traffic } from '../faults/traffic.ts';
import { findFaults } from '../faults/verdict.ts';
import { startWorld, type World } from '../faults/world.ts';
import { seededRandom } from '../support/database-random.ts';
import { injectFaults } from './faults.ts';
import { availability, growths } from './judge.ts';
import { watchMemory } from './memory.ts';
import { mixedTraffic } from './traffic.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const bars = { availability: 0.999, growth: 1.1 };
/** Before that, processes still grow to their size: growth is told and not judged. */
const fewestMinutes = 10;
/** Rows of work under way: none at rest. What the nightly pass folds together (`stored_changes`) or a day ends is not among them. */
const transient = ['pending_embeddings', 'pending_announcements', 'statistics_pending'];

process.stdout.write(`seed ${seed}, ${minutes} minutes\n`);
const world = await startWorld('soak', seed, false);
const filesBefore = temporaryFiles();
const traffic = await Traffic.begin(world, 'soak', (seed % 1_000) * 1_000_000);
const ends = performance.now() + minutes * 60_000;
// Answers of the fake chat model are kept by it, and would be counted as growth.
const forgetting = setInterval(() => world.models.chat.clear(), 5_000);
const [samples, outages, looks] = await Promise.all([
  mixedTraffic(traffic, ends, seededRandom(seed)),
  injectFaults(world, ends, seededRandom(seed + 1)),
  watchMemory(world, ends),
]);
clearInterval(forgetting);
await world.heal();

const { share, counted } = availability(samples, outages);
report(
  `answered outside of ${outages.length} faults (${counted} of ${samples.length} requests)`,
  `${(share * 100).toFixed(2)} %`,
  { text: `>= ${bars.availability * 100} %`, met: share >= bars.availability },
);
for (const { name, middle, last, ratio } of growths(looks))
  report(
    `memory of ${name}: middle | last third`,
    `${middle.toFixed(0)} | ${last.toFixed(0)} MB, ${ratio.toFixed(2)}`,
    minutes < fewestMinutes ? undefined : { text: `<= ${bars.growth}`, met: ratio <= bars.growth },
  );
await judgeRest(world);
for (const [name, times] of Map.groupBy(outages, ({ name }) => name))
  process.stdout.write(`  ${times.length} × ${name}\n`);
await world.close();
process.exit();

async function judgeRest(world: World): Promise<void> {
  const faults: string[] = [];
  try {
    const { moved } = await comeToRest(world, traffic.workspaceId, false);
    report('came to rest, with time moved by', `${moved.seconds} s`);
    // The sweep that follows the last work.
    await moveTime(world, 330);
    faults.push(...(await findFaults(world, traffic, world.givenUp)));
  } catch (error) {
    faults.push((error as Error).message);
  }
  report('lost, doubled, orphaned, stuck', String(faults.length), { text: '0', met: faults.length === 0 });
  for (const fault of faults.slice(0, 10)) process.stdout.write(`  ${fault}\n`);
  for (const table of transient) {
    const { rows } = await world.admin.query<{ count: string }>(`SELECT count(*) FROM dbrag.${table}`);
    const count = Number(rows[0]?.count);
    report(`rows left in ${table}`, String(count), { text: '0', met: count === 0 });
  }
  const waiting = queuesOf(world).filter(
    ({ name, visible, inFlight }) => visible + inFlight > 0 || name.includes('dead'),
  );
  report('queues that hold something', JSON.stringify(waiting), { text: 'none', met: waiting.length === 0 });
  const files = temporaryFiles() - filesBefore;
  report('files more in the directory of temporary files', String(files));
}

/** Others use the directory too: told, not judged. */
function temporaryFiles(): number {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('dbrag-')).length;
}
