/**
 * `npm run advisories [-- --all]`: asks the registry that packages are installed from for known vulnerabilities of what is deployed, by the lock file
 * (`--all`: of the tools too). Ends with 1 where one is high or critical, and with 2 where the registry did not say: that nothing was
 * found is never concluded from an answer that did not come.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { readAdvisories } from './read-advisories.ts';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
const asked = ['audit', '--json', '--package-lock-only', ...(values.all ? [] : ['--omit', 'dev'])];
const { stdout } = spawnSync('npm', asked, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
const found = readAdvisories(stdout);
if ('unanswered' in found) {
  console.error(`Advisories were not looked up: ${found.unanswered}`);
  process.exitCode = 2;
} else {
  for (const { name, severity, titles } of found.advisories) console.log(`${severity}: ${name}, ${titles.join('; ')}`);
  const severe = found.advisories.filter(({ severity }) => severity === 'high' || severity === 'critical').length;
  console.log(
    `${found.packages} packages, ${found.advisories.length} with advisories, ${severe} of these high or critical`,
  );
  if (severe > 0) process.exitCode = 1;
}
