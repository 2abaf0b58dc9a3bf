import { parseArgs } from 'node:util';
import { createTestDatabase, openTestDatabase } from '../support/database.ts';
import { listMutations } from './mutations.ts';
import { policiesOf, probes } from './probes.ts';
import { RandomCalls } from './random-calls.ts';
import { randomOf, randomStatement } from './random-statements.ts';
import { dimensions, type IsolationWorld, seedWorld } from './seed.ts';

const { values } = parseArgs({
  options: {
    actions: { type: 'string', default: '100000' },
    workspaces: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
  },
});
/** More callers than connections, so that every connection goes from hand to hand. */
const callers = 12;
const connections = 5;

async function randomRun(world: IsolationWorld, actions: number, seed: number): Promise<string[]> {
  const application = openTestDatabase(world.database.applicationUrl, { max: connections });
  const pool = openTestDatabase(world.database.applicationUrl, { max: connections, preparedStatements: true });
  const pick = randomOf(seed);
  const leaks: string[] = [];
  let left = actions;
  const one = async () => {
    const calls = await RandomCalls.create(world, application);
    while (left-- > 0)
      leaks.push(
        ...(left % 3 === 0
          ? await calls.call(pick)
          : await randomStatement(world, left % 2 ? pool : application, pick)),
      );
  };
  await Promise.all(Array.from({ length: callers }, one));
  await Promise.all([application.close(), pool.close()]);
  return leaks;
}

async function isCaught(world: IsolationWorld, before: string): Promise<string | undefined> {
  try {
    for await (const complaint of probes(world)) return complaint;
  } catch (error) {
    return `an error: ${(error as Error).message}`;
  }
  return (await policiesOf(world)) === before ? undefined : 'the catalog alone';
}

async function mutationRun(world: IsolationWorld): Promise<string[]> {
  const before = await policiesOf(world);
  const survivors: string[] = [];
  const { admin } = world.database;
  const mutations = await listMutations(admin);
  let byCatalog = 0;
  for (const { name, change, undo } of mutations) {
    await admin.query(change);
    const complaint = await isCaught(world, before);
    await admin.query(undo);
    if (complaint === undefined) survivors.push(name);
    if (complaint?.includes('the catalog')) byCatalog += 1;
    else
      console.log(`${complaint === undefined ? 'NOT CAUGHT' : 'caught'}: ${name}${complaint ? ` (${complaint})` : ''}`);
  }
  console.log(`${mutations.length} mutations, ${survivors.length} not caught, ${byCatalog} seen in the catalog alone`);
  return survivors;
}

const database = await createTestDatabase({ dimensions });
try {
  if (!database.native)
    throw new Error('This needs a native server: npm run native-engines -- start, and export what it prints.');
  const world = await seedWorld(database, Number(values.workspaces));
  const complaints: string[] = [];
  for await (const complaint of probes(world)) complaints.push(complaint);
  const started = performance.now();
  const leaks = await randomRun(world, Number(values.actions), Number(values.seed));
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(
    `${values.actions} calls and statements of ${values.workspaces} workspaces on ${connections} connections in ${seconds} s, seed ${values.seed}: ${leaks.length} foreign rows`,
  );
  for await (const complaint of probes(world)) complaints.push(complaint);
  const survivors = await mutationRun(world);
  for (const line of [...complaints, ...leaks.slice(0, 20)]) console.error(line);
  process.exitCode = complaints.length + leaks.length + survivors.length > 0 ? 1 : 0;
} finally {
  await database.close();
}
