import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RightsByTest } from '../test/support/record-rights.ts';

/**
 * Takes away one right after the other and runs the tests in which it was used, until one fails that passes with the right: `npm run iam:prove`
 * for all (hours), `-- --every 10` for each tenth, `-- --only <words>` for those whose line holds the words. Exits with 1 when a right is missed by nobody.
 */
const root = join(import.meta.dirname, '..');
const used = JSON.parse(readFileSync(join(root, 'test', 'infra', 'used-rights.json'), 'utf8')) as RightsByTest;

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const every = Number(option('every') ?? 1);
const words = option('only') ?? '';

const lines = Object.entries(used)
  .flatMap(([role, rights]) => Object.entries(rights).map(([right, tests]) => ({ line: `${role}: ${right}`, tests })))
  .filter(({ line }) => line.includes(words))
  .filter((_, at) => at % every === 0);

/** Longer than the longest of them takes. */
const patienceMilliseconds = 180_000;

/** Runs one test on a system of its own. @returns whether it passed */
function passes(test: string, withoutRight: string | undefined): Promise<boolean> {
  const [file = '', ...names] = test.split(' > ');
  const name = names.join(' > ').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const named = name === '' ? [] : ['-t', `^${name}$`];
  const projects = ['integration', 'long', 'local-cloud'].flatMap((project) => ['--project', project]);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const child = spawn('npx', ['vitest', 'run', ...projects, file, ...named], {
    cwd: root,
    env: { ...process.env, ...(withoutRight === undefined ? {} : { WITHOUT_RIGHT: withoutRight }) },
    stdio: 'ignore',
    timeout: patienceMilliseconds,
  });
  child.on('exit', (code) => resolve(code === 0));
  return promise;
}

/** With all rights; asked once for each test. */
const usually = new Map<string, Promise<boolean>>();
function passesUsually(test: string): Promise<boolean> {
  const known = usually.get(test) ?? passes(test, undefined);
  usually.set(test, known);
  return known;
}

async function witnessOf(line: string, tests: readonly string[]): Promise<string | undefined> {
  for (const test of tests) if (!(await passes(test, line)) && (await passesUsually(test))) return test;
  return undefined;
}

let missedByNobody = 0;
for (const { line, tests } of lines) {
  const witness = await witnessOf(line, tests);
  if (witness === undefined) missedByNobody += 1;
  console.log(
    `${witness === undefined ? 'MISSED BY NOBODY' : 'fails'}  ${line}\n    ${witness ?? tests.join('\n    ')}`,
  );
}
console.log(
  `${lines.length - missedByNobody} of ${lines.length} rights are missed by a test as soon as they are gone.`,
);
process.exit(missedByNobody === 0 ? 0 : 1);
