import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { LocalCloud } from '../../infra/local/cloud.ts';
import { type NamedRights, namedDenials, namedUses } from '../../infra/local/iam/name-rights.ts';

/** Role → right → tests in which it was used: a file and a name, or the file alone where its system starts. */
export type RightsByTest = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export interface RightsRecord {
  readonly used: RightsByTest;
  readonly denied: NamedRights;
}

/** Stands at the end of every file with a system. */
export const lastTest = 'no function has asked for what its role does not allow';

const directory = process.env.RIGHTS_DIRECTORY;
const root = join(import.meta.dirname, '..', '..');
/** Enough to find one that fails without the right. */
const testsKept = 3;

class WatchedCloud {
  readonly #cloud: Pick<LocalCloud, 'assembly' | 'aws'>;
  readonly #tests = new Map<string, Map<string, Set<string>>>();

  constructor(cloud: Pick<LocalCloud, 'assembly' | 'aws'>) {
    this.#cloud = cloud;
  }

  /** What was used since the last note was used in this test, or beside it. */
  note(test: string): void {
    const { assembly, aws } = this.#cloud;
    for (const [role, rights] of Object.entries(namedUses(assembly, aws.iam.takeUsedGrants()))) {
      const ofRole = this.#tests.get(role) ?? new Map<string, Set<string>>();
      this.#tests.set(role, ofRole);
      for (const right of rights) ofRole.set(right, (ofRole.get(right) ?? new Set()).add(test));
    }
  }

  record(): RightsRecord {
    const { assembly, aws } = this.#cloud;
    const used = [...this.#tests].map(([role, rights]) => [
      role,
      Object.fromEntries([...rights].map(([right, tests]) => [right, [...tests]])),
    ]);
    return { used: Object.fromEntries(used), denied: namedDenials(assembly, aws.iam.denied()) };
  }
}

const clouds = new Set<WatchedCloud>();
let running = '';
let written = 0;

// A test file loads this before it says what its tests are. Other programs that start clouds have no tests.
if (directory && process.env.VITEST) {
  const { afterEach, beforeEach, expect } = await import('vitest');
  const note = () => {
    for (const cloud of clouds) cloud.note(running);
  };
  beforeEach(() => {
    const { testPath = '', currentTestName = '' } = expect.getState();
    const file = relative(root, testPath);
    // What happened before this test was the start, or goes on from the test before.
    if (!running.startsWith(file)) running = file;
    note();
    running = `${file} > ${currentTestName}`;
  });
  afterEach(note);
}

/** Where `RIGHTS_DIRECTORY` says so, watches what the roles of a cloud use. @returns writes it down, with what they were refused */
export function watchRights(cloud: Pick<LocalCloud, 'assembly' | 'aws'>): () => void {
  if (!directory) return () => {};
  const watched = new WatchedCloud(cloud);
  clouds.add(watched);
  return () => {
    clouds.delete(watched);
    watched.note(running);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${process.pid}-${++written}.json`), JSON.stringify(watched.record()));
  };
}

/** All that was written down, together. */
export function readRecords(from: string): RightsRecord {
  const records = readdirSync(from).map((file) => JSON.parse(readFileSync(join(from, file), 'utf8')) as RightsRecord);
  const roles = sorted(records.flatMap(({ used }) => Object.keys(used)));
  const rightsOf = (role: string) => sorted(records.flatMap(({ used }) => Object.keys(used[role] ?? {})));
  const testsOf = (role: string, right: string) =>
    // Tests before whole files, quick files first, and of each the tests that use the fewest rights: these are the likeliest to be about it.
    sorted(records.flatMap(({ used }) => used[role]?.[right] ?? []))
      .sort((one, other) => cost(one) - cost(other) || breadth(one) - breadth(other))
      .slice(0, testsKept);
  const breadths = new Map<string, number>();
  for (const { used } of records)
    for (const rights of Object.values(used))
      for (const test of Object.values(rights).flat()) breadths.set(test, (breadths.get(test) ?? 0) + 1);
  const breadth = (test: string): number => breadths.get(test) ?? 0;
  return {
    used: Object.fromEntries(
      roles.map((role) => [role, Object.fromEntries(rightsOf(role).map((right) => [right, testsOf(role, right)]))]),
    ),
    denied: Object.fromEntries(
      sorted(records.flatMap(({ denied }) => Object.keys(denied))).map((role) => [
        role,
        sorted(records.flatMap(({ denied }) => denied[role] ?? [])),
      ]),
    ),
  };
}

/** A file alone is the start of a system, without which all of its tests fail. */
const cost = (test: string): number => (test.includes(' > ') ? 0 : 2) + (test.includes('-long') ? 1 : 0);
const sorted = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

/** The rights of a record, whatever used them. */
export function rightsIn(used: RightsByTest): NamedRights {
  return Object.fromEntries(Object.entries(used).map(([role, rights]) => [role, Object.keys(rights)]));
}
