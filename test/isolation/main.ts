import { parseArgs } from 'node:util';
import { createTestDatabase } from '../support/database.ts';
import { listMutations } from './mutations.ts';
import { probes } from './probes.ts';
import { connections, randomRun, tryMutations } from './run.ts';
import { type IsolationWorld, seedWorld } from './seed.ts';

/**
 * `npm run test:isolation [-- --actions 100000 --workspaces 50 --seed 1]`: what `row-security.test.ts` tries in short, at full length and
 * with every lock taken off once.
 */
const { values } = parseArgs({
  options: {
    actions: { type: 'string', default: '100000' },
    workspaces: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
  },
});

const complaintsOf = (world: IsolationWorld) => Array.fromAsync(probes(world));

/** @returns the mutations that nothing told of */
async function mutationRun(world: IsolationWorld): Promise<string[]> {
  const mutations = await listMutations(world.database.admin);
  const survivors: string[] = [];
  let seenAlone = 0;
  for await (const { name, complaint, byCatalog } of tryMutations(world, mutations)) {
    if (complaint === undefined) survivors.push(name);
    if (byCatalog) seenAlone += 1;
    else console.log(complaint === undefined ? `NOT CAUGHT: ${name}` : `caught: ${name} (${complaint})`);
  }
  console.log(`${mutations.length} mutations, ${survivors.length} not caught, ${seenAlone} seen in the catalog alone`);
  return survivors;
}

const database = await createTestDatabase();
try {
  if (!database.native)
    throw new Error('This needs a native server: npm run native-engines -- start, and export what it prints.');
  const world = await seedWorld(database, Number(values.workspaces));
  const complaints = await complaintsOf(world);
  const started = performance.now();
  const leaks = await randomRun(world, Number(values.actions), Number(values.seed));
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(
    `${values.actions} calls and statements of ${values.workspaces} workspaces on ${connections} connections in ${seconds} s, seed ${values.seed}: ${leaks.length} foreign rows`,
  );
  complaints.push(...(await complaintsOf(world)));
  const survivors = await mutationRun(world);
  for (const line of [...complaints, ...leaks.slice(0, 20)]) console.error(line);
  process.exitCode = complaints.length + leaks.length + survivors.length > 0 ? 1 : 0;
} finally {
  await database.close();
}
