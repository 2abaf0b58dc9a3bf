import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastTest, type RightsByTest } from '../test/support/record-rights.ts';

/**
 * Takes away one right after the other and runs the tests in which it was used, until one fails that passes with the right: `npm run iam:prove`
 * for all (about an hour), `-- --every 10` for each tenth, `-- --only <words>` for those whose line holds the words, `-- --beside 1` for one system at
 * a time, `-- --from 25` to go on with the 25th. Exits with 1 when a right is missed by nobody.
 */
const root = join(import.meta.dirname, '..');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const used = JSON.parse(readFileSync(join(root, 'test', 'infra', 'used-rights.json'), 'utf8')) as RightsByTest;

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const every = Number(option('every') ?? 1);
const words = option('only') ?? '';
/** Most of a run is one process at work: as many systems beside each other as there are cores for. */
const beside = Number(option('beside') ?? Math.max(1, Math.floor(availableParallelism() / 2)));

const lines = Object.entries(used)
  .flatMap(([role, rights]) => Object.entries(rights).map(([right, tests]) => ({ line: `${role}: ${right}`, tests })))
  .filter(({ line }) => line.includes(words))
  .filter((_, at) => at % every === 0)
  .slice(Number(option('from') ?? 1) - 1);

const reports = mkdtempSync(join(tmpdir(), 'dbrag-rights-'));
let runs = 0;

/** Longer than a start of the system and one test take; a file alone is the start, and its last test. */
const patienceMilliseconds = 120_000;
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Runs one test on a system of its own, and the last of its file, which sees what was refused. @returns whether both passed */
function passes(test: string, withoutRight: string | undefined): Promise<boolean> {
  const [file = '', ...names] = test.split(' > ');
  const named = [...(names.length === 0 ? [] : [names.join(' > ')]), lastTest].map(escaped);
  const projects = ['integration', 'long', 'local-cloud'].flatMap((project) => ['--project', project]);
  const outputFile = join(reports, `${++runs}.json`);
  const report = ['--reporter=json', `--outputFile=${outputFile}`];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const child = spawn(process.execPath, [vitest, 'run', ...projects, file, '-t', `^(${named.join('|')})$`, ...report], {
    cwd: root,
    env: { ...process.env, ...(withoutRight === undefined ? {} : { WITHOUT_RIGHT: withoutRight }) },
    stdio: 'ignore',
    // A group of its own, so that the system ends with a test that hangs.
    detached: true,
  });
  const late = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), patienceMilliseconds);
  child.on('exit', (code) => {
    clearTimeout(late);
    // A name that nothing has is no test that passed.
    resolve(code === 0 && JSON.parse(readFileSync(outputFile, 'utf8')).numPassedTests === named.length);
  });
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
const left = [...lines];
async function proveOneByOne(): Promise<void> {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const { line, tests } = next;
    const witness = await witnessOf(line, tests);
    if (witness === undefined) missedByNobody += 1;
    console.log(
      `${witness === undefined ? 'MISSED BY NOBODY' : 'fails'}  ${line}\n    ${witness ?? tests.join('\n    ')}`,
    );
  }
}
await Promise.all(Array.from({ length: beside }, proveOneByOne));
console.log(
  `${lines.length - missedByNobody} of ${lines.length} rights are missed by a test as soon as they are gone.`,
);
rmSync(reports, { recursive: true });
process.exit(missedByNobody === 0 ? 0 : 1);
