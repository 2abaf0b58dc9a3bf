import { openTestDatabase } from '../support/database.ts';
import type { Mutation } from './mutations.ts';
import { policiesOf, probes } from './probes.ts';
import { RandomCalls } from './random-calls.ts';
import { randomOf, randomStatement } from './random-statements.ts';
import type { IsolationWorld } from './seed.ts';

/** More callers than connections, so that every connection goes from hand to hand. */
const callers = 12;
export const connections = 5;

/** Statements and calls of all tenants at once. @returns what was foreign in an answer */
export async function randomRun(world: IsolationWorld, actions: number, seed: number): Promise<string[]> {
  const application = openTestDatabase(world.database.applicationUrl, { max: connections });
  const prepared = openTestDatabase(world.database.applicationUrl, { max: connections, preparedStatements: true });
  const pick = randomOf(seed);
  const leaks: string[] = [];
  let left = actions;
  const everyCaller: RandomCalls[] = [];
  for (let n = 0; n < callers; n++) everyCaller.push(await RandomCalls.create(world, application));
  const one = async (calls: RandomCalls) => {
    while (left-- > 0)
      leaks.push(
        ...(left % 3 === 0
          ? await calls.call(pick)
          : await randomStatement(world, left % 2 ? prepared : application, pick)),
      );
  };
  await Promise.all(everyCaller.map(one));
  await Promise.all([application.close(), prepared.close()]);
  return leaks;
}

export interface TriedMutation {
  readonly name: string;
  /** What told of it; undefined where nothing did. */
  readonly complaint: string | undefined;
  /** True: no answer was wrong, and the catalog alone shows it. */
  readonly byCatalog: boolean;
}

/** Takes one lock off after the other, and puts it back. */
export async function* tryMutations(
  world: IsolationWorld,
  mutations: readonly Mutation[],
): AsyncGenerator<TriedMutation> {
  const { admin } = world.database;
  const before = await policiesOf(world);
  for (const { name, change, undo } of mutations) {
    await admin.query(change);
    try {
      const complaint = await firstComplaint(world);
      const byCatalog = complaint === undefined && (await policiesOf(world)) !== before;
      yield { name, complaint: complaint ?? (byCatalog ? 'the catalog alone' : undefined), byCatalog };
    } finally {
      await admin.query(undo);
    }
  }
}

async function firstComplaint(world: IsolationWorld): Promise<string | undefined> {
  try {
    for await (const complaint of probes(world)) return complaint;
    return undefined;
  } catch (error) {
    return `an error: ${(error as Error).message}`;
  }
}
