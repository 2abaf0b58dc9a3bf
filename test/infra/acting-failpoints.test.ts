import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleFunctions } from '../../infra/bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What stands in a failpoint that acts and nowhere else. */
const traces = ['FAILPOINT_SOCKET', 'SIGSTOP'];
const entries = ['http/api', 'queue/ingest-document', 'deploy/migrate-database'];
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dbrag-failpoints-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function tracesIn(name: string, options: { actingFailpoints?: boolean }): Promise<string[]> {
  const outputDirectory = join(directory, name);
  await bundleFunctions({ root, outputDirectory, entries, ...options });
  const files = readdirSync(outputDirectory, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.mjs'),
  );
  const text = files.map((file) => readFileSync(join(outputDirectory, file), 'utf8')).join('\n');
  return traces.filter((trace) => text.includes(trace));
}

it('a bundle that ships cannot be told to kill or freeze itself', async () => {
  expect(await tracesIn('shipped', {})).toEqual([]);
});

it('the bundle of the test stage can', async () => {
  expect(await tracesIn('test', { actingFailpoints: true })).toEqual(traces);
});
