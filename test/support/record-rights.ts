import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalCloud } from '../../infra/local/cloud.ts';
import { type NamedRights, namedDenials, namedUses } from '../../infra/local/iam/name-rights.ts';

export interface RightsRecord {
  readonly used: NamedRights;
  readonly denied: NamedRights;
}

let clouds = 0;

/** Where `RIGHTS_DIRECTORY` says so, writes down what the roles of a cloud used and what they were refused. */
export function recordRights({ assembly, aws }: Pick<LocalCloud, 'assembly' | 'aws'>): void {
  const directory = process.env.RIGHTS_DIRECTORY;
  if (!directory) return;
  mkdirSync(directory, { recursive: true });
  clouds += 1;
  const record: RightsRecord = {
    used: namedUses(assembly, aws.iam.usedGrants()),
    denied: namedDenials(assembly, aws.iam.denied()),
  };
  writeFileSync(join(directory, `${process.pid}-${clouds}.json`), JSON.stringify(record));
}

/** All that was written down, together. */
export function readRecords(directory: string): RightsRecord {
  const records = readdirSync(directory).map(
    (file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as RightsRecord,
  );
  return { used: union(records.map(({ used }) => used)), denied: union(records.map(({ denied }) => denied)) };
}

function union(all: readonly NamedRights[]): NamedRights {
  const roles = [...new Set(all.flatMap((rights) => Object.keys(rights)))].sort();
  return Object.fromEntries(
    roles.map((role) => [role, [...new Set(all.flatMap((rights) => rights[role] ?? []))].sort()]),
  );
}
