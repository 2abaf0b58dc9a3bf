import {
  type AliasConfiguration,
  DeleteFunctionCommand,
  type FunctionConfiguration,
  ListAliasesCommand,
  ListVersionsByFunctionCommand,
} from '@aws-sdk/client-lambda';
import type { Clients } from './clients.ts';
import { stackResources } from './leftovers.ts';

/** The newest of each function stay whatever leads to them: somebody may be looking into one that was given up. */
const newestKept = 3;

/** Versions that aliases lead to, by function. */
export type LedTo = ReadonlyMap<string, ReadonlySet<string>>;

/** @param stackId of the service stack */
export async function versionsLedTo(clients: Clients, stackId: string): Promise<LedTo> {
  const functions = await functionsOf(clients, stackId);
  return new Map(
    await Promise.all(functions.map(async (name) => [name, new Set(await ledTo(clients.functions, name))] as const)),
  );
}

export interface Pruned {
  readonly deleted: number;
  /** What could not be deleted, or not even be looked at, and why; one sentence each. */
  readonly failures: readonly string[];
}

/**
 * Deletes versions that no deploy needs any more: each one made is kept by CloudFormation so that a rollback finds the one before, and takes its part of
 * what an account may store (75 GB). One that cannot be deleted keeps no other: it would stand in the way of each deploy again.
 * @param before what aliases led to before this deploy: where a rollback goes
 */
export async function pruneVersions(clients: Clients, stackId: string, before: LedTo): Promise<Pruned> {
  let deleted = 0;
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`);
    }
  };
  for (const name of await functionsOf(clients, stackId))
    await attempt(name, async () => {
      for (const Qualifier of await unneeded(clients.functions, name, before.get(name)))
        await attempt(`${name}:${Qualifier}`, async () => {
          await clients.functions.send(new DeleteFunctionCommand({ FunctionName: name, Qualifier }));
          deleted += 1;
        });
    });
  return { deleted, failures };
}

async function unneeded(
  functions: Clients['functions'],
  name: string,
  before: ReadonlySet<string> | undefined,
): Promise<string[]> {
  const versions = await versionsOf(functions, name);
  const needed = new Set([...(await ledTo(functions, name)), ...(before ?? [])]);
  const old = versions.sort((left, right) => Number(right) - Number(left)).slice(newestKept);
  return old.filter((version) => !needed.has(version));
}

async function functionsOf(clients: Clients, stackId: string): Promise<string[]> {
  return (await stackResources(clients, stackId))
    .filter(({ ResourceType }) => ResourceType === 'AWS::Lambda::Function')
    .map(({ PhysicalResourceId = '' }) => PhysicalResourceId);
}

/** Also what has a part of the calls while a rollout is under way. */
async function ledTo(functions: Clients['functions'], FunctionName: string): Promise<string[]> {
  const aliases = await pages<AliasConfiguration>(async (Marker) => {
    const page = await functions.send(new ListAliasesCommand({ FunctionName, ...Marker }));
    return { found: page.Aliases, next: page.NextMarker };
  });
  return aliases.flatMap(({ FunctionVersion = '', RoutingConfig }) => [
    FunctionVersion,
    ...Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {}),
  ]);
}

/** Those with a number, so not `$LATEST`: to delete without one is to delete the function. */
async function versionsOf(functions: Clients['functions'], FunctionName: string): Promise<string[]> {
  const versions = await pages<FunctionConfiguration>(async (Marker) => {
    const page = await functions.send(new ListVersionsByFunctionCommand({ FunctionName, ...Marker }));
    return { found: page.Versions, next: page.NextMarker };
  });
  return versions.map(({ Version = '' }) => Version).filter((version) => /^\d+$/.test(version));
}

async function pages<Item>(
  read: (marker: { Marker?: string }) => Promise<{ found: Item[] | undefined; next: string | undefined }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let marker: { Marker?: string } = {};
  for (;;) {
    const { found = [], next } = await read(marker);
    all.push(...found);
    if (next === undefined) return all;
    marker = { Marker: next };
  }
}
