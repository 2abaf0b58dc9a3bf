import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../../infra/local/start.ts', import.meta.url));
const settings = fileURLToPath(new URL('../../../infra/local/start/settings.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'dbrag-start-'));
const directory = join(place, 'data');
afterAll(() => rmSync(place, { recursive: true }));

/** A cloud that is started nevertheless is ended by the time limit, and leaves its directory. */
const start = (...words: string[]) => {
  const env = { ...process.env, LOCAL_DATA_DIR: directory, PORT: '0' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr, started: existsSync(directory) };
};

it.each(['--help', '-h'])('npm start -- %s names every variable, and starts nothing', (word) => {
  const said = start(word);
  expect(said).toMatchObject({ status: 0, stderr: '', started: false });
  const variables = new Set(readFileSync(settings, 'utf8').match(/(?<=value\(')[A-Z_]+/g));
  expect(variables.size).toBeGreaterThan(5);
  for (const variable of variables) expect(said.stdout).toContain(`  ${variable} `);
});

it.each([['--port=3001'], ['--timing'], ['local'], ['--timings', '--timings=no']])(
  'npm start -- %s is refused in one sentence',
  (...words) => {
    const said = start(...words);
    expect(said).toMatchObject({ status: 2, stdout: '', started: false });
    expect(said.stderr.trim()).toBe(
      `npm start knows --help and --timings, not "${words.at(-1)}"; everything else is set by variables.`,
    );
  },
);
