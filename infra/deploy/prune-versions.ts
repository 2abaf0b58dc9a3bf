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

/**
 * Deletes versions that no deploy needs any more: each one made is kept by CloudFormation so that a rollback finds the one before, and takes its part of
 * what an account may store (75 GB).
 * @param before what aliases led to before this deploy: where a rollback goes
 * @returns how many were deleted
 */
export async function pruneVersions(clients: Clients, stackId: string, before: LedTo): Promise<number> {
  let deleted = 0;
  for (const name of await functionsOf(clients, stackId)) {
    const versions = await versionsOf(clients.functions, name);
    const needed = new Set([...(await ledTo(clients.functions, name)), ...(before.get(name) ?? [])]);
    const old = versions.sort((left, right) => Number(right) - Number(left)).slice(newestKept);
    for (const Qualifier of old.filter((version) => !needed.has(version))) {
      await clients.functions.send(new DeleteFunctionCommand({ FunctionName: name, Qualifier }));
      deleted += 1;
    }
  }
  return deleted;
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
