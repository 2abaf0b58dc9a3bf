import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { bundleFunctions } from '../../../infra/bundle.ts';

const functions = join(import.meta.dirname, '../../../functions');
/** A function of the API's application alone: the whole one would want an environment. */
const source = `
  import { createGroupedApplication } from '${functions}/http/grouped-application.ts';
  import { routeGroups } from '${functions}/http/route-groups.ts';
  import { ReceivedRequest } from '${functions}/runtime/received-request.ts';
  const application = createGroupedApplication(routeGroups);
  export const handler = (path) =>
    application(new ReceivedRequest('GET', 'http://api' + path, {}, () => ''), {
      services: { config: { corsOrigins: [] } }, origin: {}, routed() {}, waitUntil() {},
    });`;
const script = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  const { handler } = await import(process.argv[1]);
  const before = loaded.length;
  const answer = await handler('/health');
  const fetch = process.moduleLoadList.filter((name) => name.includes('undici'));
  console.log(JSON.stringify({ status: answer.status, text: await answer.text(), fetch, loaded, before }));`;

const root = mkdtempSync(join(tmpdir(), 'dbrag-first-request-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('is answered without fetch, and with the routes of its own group alone', async () => {
  mkdirSync(join(root, 'functions/http'), { recursive: true });
  writeFileSync(join(root, 'functions/http/api.ts'), source);
  const { directory, metafile } = await bundleFunctions({ root, entries: ['http/api'] });
  const api = pathToFileURL(join(directory, 'http/api.mjs')).href;
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script, api], { encoding: 'utf8' });
  const { status, text, fetch, loaded, before } = JSON.parse(printed);
  expect([status, text]).toEqual([200, '{"status":"ok"}']);
  expect(fetch).toEqual([]);
  /** Files of routes in what was loaded. */
  const routesIn = (urls: readonly string[]) =>
    urls
      .filter((url) => url.startsWith('file:'))
      .flatMap((url) => Object.keys(metafile.outputs[relative(root, fileURLToPath(url))]?.inputs ?? {}))
      .flatMap((input) => /functions\/http\/routes\/([\w-]+)\.ts$/.exec(input)?.[1] ?? [])
      .sort();
  expect(routesIn(loaded.slice(0, before))).toEqual([]);
  expect(routesIn(loaded)).toEqual(['contract', 'playground', 'service']);
});
