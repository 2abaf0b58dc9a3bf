/**
 * `npm run licences [-- --all]`: the licences of everything that the lock files name, and which packages have them; without `--all` of
 * what may be deployed. Ends with 1 if one of any is not permitted.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readLockedPackages } from './locked-packages.ts';
import { refusedPackages } from './permitted-licences.ts';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
/** Of the service, and of what benches compare it with. */
const [service, peers] = ['../package-lock.json', '../test/bench/peers/package-lock.json'].map((path) =>
  readLockedPackages(fileURLToPath(new URL(path, import.meta.url))),
);
const packages = [...(service ?? []), ...(peers ?? []).map((each) => ({ ...each, development: true }))];
const shown = packages.filter(({ development }) => values.all || !development);
const byLicence = Map.groupBy(shown, ({ licence }) => licence ?? 'none');
for (const [licence, those] of [...byLicence].sort(([, left], [, right]) => right.length - left.length)) {
  const names = new Set(those.map(({ name }) => name));
  console.log(`${licence} (${names.size})\n  ${[...names].join(', ')}`);
}
const refused = refusedPackages(packages);
for (const { name, version, licence } of refused)
  console.error(`not permitted: ${name} ${version}, ${licence ?? 'no licence'}`);
console.log(`${shown.length} packages, ${byLicence.size} licences, ${refused.length} not permitted`);
if (refused.length > 0) process.exitCode = 1;
