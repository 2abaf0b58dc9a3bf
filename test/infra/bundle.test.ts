import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleFunctions } from '../../infra/bundle.ts';

const entries = ['http/api', 'http/stream', 'queue/maintain'];
let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Every file of a directory and the hash of its bytes. */
function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hashes = files.map(({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path.slice(directory.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')] as const;
  });
  return Object.fromEntries(hashes.sort(([one], [other]) => one.localeCompare(other)));
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dbrag-bundle-'));
  write(
    'shared/greet.ts',
    'export class Greeting { constructor(readonly text = "hello") {} }'.replace('readonly ', ''),
  );
  write('shared/migrations/0001-first.sql', 'SELECT 1;');
  write('shared/migrations/README.md', 'not a migration');
  write('docs/openapi.json', '{}');
  const handler =
    "import { Greeting } from '../../shared/greet.ts';\nexport const handler = async () => Greeting.name;";
  for (const entry of entries) write(`functions/${entry}.ts`, handler);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the bundle', () => {
  it('names the handlers that do not exist', async () => {
    await expect(bundleFunctions({ root, entries: [...entries, 'queue/other'] })).rejects.toThrow(
      'These handlers do not exist: functions/queue/other.ts',
    );
  });

  it('holds each handler, what those of HTTP share once, the migrations and the API description', async () => {
    const { directory } = await bundleFunctions({ root, entries });
    const files = Object.keys(contents(directory));
    expect(files).toEqual(
      expect.arrayContaining([...entries.map((entry) => `${entry}.mjs`), 'migrations/0001-first.sql', 'openapi.json']),
    );
    expect(files.filter((file) => file.startsWith('chunks/'))).toHaveLength(1);
    expect(files).not.toContain('migrations/README.md');
  });

  it('cuts what HTTP uses into no more chunks because of the other handlers', async () => {
    write('functions/queue/other.ts', "export { Greeting as handler } from '../../shared/greet.ts';");
    const chunksOf = async (more: readonly string[]) => {
      const { metafile } = await bundleFunctions({ root, entries: ['http/api', ...more] });
      const [api] = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('http/api.mjs'));
      return api?.[1].imports.filter(({ external }) => !external);
    };
    expect(await chunksOf([])).toEqual([]);
    expect(await chunksOf(['queue/maintain', 'queue/other'])).toEqual([]);
    expect(await chunksOf(['http/stream'])).toHaveLength(1);
  });

  it('runs, and keeps names through minification', async () => {
    const { directory } = await bundleFunctions({ root, entries });
    const { handler } = await import(pathToFileURL(join(directory, 'http/api.mjs')).href);
    expect(await handler()).toBe('Greeting');
  });

  it('lets CommonJS dependencies require', async () => {
    write('functions/http/api.ts', "export const handler = async () => require('node:path').sep;");
    const { directory } = await bundleFunctions({ root, entries });
    const { handler } = await import(pathToFileURL(join(directory, 'http/api.mjs')).href);
    expect(await handler()).toBe('/');
  });

  it('uses HTTP without loading fetch', async () => {
    write(
      'functions/http/api.ts',
      `import { STATUS_CODES } from 'node:http';
       export const handler = async () => [STATUS_CODES[404], (await import('node:http')).METHODS.includes('GET')];`,
    );
    const { directory } = await bundleFunctions({ root, entries });
    const script = `const { handler } = await import(${JSON.stringify(pathToFileURL(join(directory, 'http/api.mjs')).href)});
      const answer = await handler();
      console.log(JSON.stringify([...answer, process.moduleLoadList.filter((name) => name.includes('undici'))]));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script]);
    expect(JSON.parse(printed.toString())).toEqual(['Not Found', true, []]);
  });

  it('has the same bytes when it is made again', async () => {
    const first = await bundleFunctions({ root, entries, outputDirectory: join(root, 'first') });
    const second = await bundleFunctions({ root, entries, outputDirectory: join(root, 'second') });
    expect(contents(second.directory)).toEqual(contents(first.directory));
  });

  it('leaves nothing of an older bundle', async () => {
    write('.build/functions/queue/old.mjs', '');
    const { directory } = await bundleFunctions({ root, entries });
    expect(existsSync(join(directory, 'queue/old.mjs'))).toBe(false);
  });

  it('replaces identifiers and writes source maps when asked', async () => {
    write('functions/http/api.ts', 'declare const FAILPOINT: string; export const handler = async () => FAILPOINT;');
    const define = { FAILPOINT: '"here"' };
    const { directory } = await bundleFunctions({ root, entries, define, sourceMaps: true });
    const { handler } = await import(pathToFileURL(join(directory, 'http/api.mjs')).href);
    expect(await handler()).toBe('here');
    expect(existsSync(join(directory, 'http/api.mjs.map'))).toBe(true);
  });
});
