import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssembly } from '../infra/local/assembly/read-assembly.ts';
import { compareRights } from '../infra/local/iam/compare-rights.ts';
import { namedGrants } from '../infra/local/iam/name-rights.ts';
import { assemblyOf } from '../infra/local/start/assembly-cache.ts';
import { unseenRights } from '../test/infra/unseen-rights.ts';
import { type RightsRecord, readRecords, rightsIn } from '../test/support/record-rights.ts';

/**
 * Compares what the roles of the templates may do with what they did. `RIGHTS_DIRECTORY=.build/rights npm test` (and `test:long`)
 * records; without records, what was recorded last is compared. `-- --write` keeps the records as the last ones.
 */
const kept = join(import.meta.dirname, '..', 'test', 'infra', 'used-rights.json');
const recorded = process.env.RIGHTS_DIRECTORY ?? join(import.meta.dirname, '..', '.build', 'rights');
const write = process.argv.includes('--write');

const record: RightsRecord = existsSync(recorded)
  ? readRecords(recorded)
  : { used: JSON.parse(readFileSync(kept, 'utf8')), denied: {} };
const granted = namedGrants(readAssembly(await assemblyOf('local')));
const { unused, missing, idleReasons, doubled } = compareRights(granted, rightsIn(record.used), unseenRights);
const denied = Object.entries(record.denied).flatMap(([role, rights]) => rights.map((right) => `${role}: ${right}`));

const tell = (title: string, lines: readonly string[]) => {
  console.log(`${title}: ${lines.length === 0 ? 'none' : ''}`);
  for (const line of lines) console.log(`  ${line}`);
};
console.log(`${Object.values(granted).flat().length} rights of ${Object.keys(granted).length} roles`);
tell('Given and not used', unused);
tell('Used and not given', missing);
tell('Asked for and refused', denied);
tell('Given twice', doubled);
tell('Reasons that nothing needs', idleReasons);
if (write) writeFileSync(kept, `${JSON.stringify(record.used, null, 2)}\n`);
process.exit(unused.length + missing.length + denied.length + doubled.length + idleReasons.length === 0 ? 0 : 1);
