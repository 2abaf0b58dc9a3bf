/**
 * `npm run test:playground [-- --screenshot docs/playground.png]`: the playground in a headless Chromium, on a local cloud of its own
 * with the offline models. Skipped, with the reason, where there is no browser.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startLocalCloud } from '../../infra/local/cloud.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { firstWorkspace } from '../../infra/local/start/first-workspace.ts';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { Browser, findBrowser } from '../support/browser.ts';

const document = `# Lighthouses of the north

The lighthouse at Skagen was lit in 1747 and is 21 metres high. Before it, a fire of coal on a lever warned the ships.

## Keepers

The keeper of Skagen is on duty from dusk to dawn. <img src=x onerror="document.title='broken'">
`;
const question = 'When was the lighthouse at Skagen lit?';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { screenshot: { type: 'string' } } });
  const path = findBrowser();
  if (path === undefined) {
    process.stdout.write(
      'skipped: there is no Chromium here (bash test/support/install-browser.sh, or CHROMIUM_PATH)\n',
    );
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-playground-'));
  const cloud = await startLocalCloud({
    assemblyDirectory: () => assemblyOf('local'),
    dataDirectory: join(directory, 'data'),
    port: 0,
    environment: { [names.chatModel]: 'offline' },
  });
  try {
    const { api_key: key } = await firstWorkspace(cloud.url, cloud.operatorKey, undefined);
    const file = join(directory, 'lighthouses.md');
    writeFileSync(file, document);
    const browser = await Browser.start(path);
    try {
      await useThePage(browser, cloud.url, key, file);
      if (values.screenshot) writeFileSync(resolve(values.screenshot), await browser.screenshot());
    } finally {
      await browser.close();
    }
  } finally {
    await cloud.close();
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write('the playground works: file dropped, job watched, question answered, citation opened\n');
}

async function useThePage(browser: Browser, url: string, key: string, file: string): Promise<void> {
  await browser.open(`${url}/playground`);
  await browser.evaluate(`document.getElementById('key').value = ${JSON.stringify(key)};
    document.getElementById('key').dispatchEvent(new Event('change'))`);
  await browser.until(`document.getElementById('collection').value.startsWith('col_')`);
  await browser.choose('#files', [file]);
  await browser.until(`document.getElementById('jobs').textContent.includes('succeeded')`);
  await browser.evaluate(`document.getElementById('question').value = ${JSON.stringify(question)};
    document.getElementById('form').requestSubmit()`);
  await browser.until(`document.querySelector('#answer button')`);
  const answer = await browser.evaluate<string>(`document.getElementById('answer').textContent`);
  assert.match(answer, /1747/);
  await browser.evaluate(`document.querySelector('#answer button').click()`);
  const cited = await browser.evaluate<string>(`document.querySelector('article.open mark').textContent`);
  assert.ok(document.includes(cited), `“${cited}” stands in the document`);
  assert.match(await browser.evaluate(`document.querySelector('article.open h2').textContent`), /lighthouses\.md/);
  assert.equal(await browser.evaluate('document.title'), 'dbrag playground');
  const stored = await browser.evaluate<number>('localStorage.length + sessionStorage.length + document.cookie.length');
  assert.equal(stored, 0);
  assert.deepEqual(browser.complaints, []);
  assert.deepEqual(
    [...browser.hosts].filter((host) => host !== ''),
    [new URL(url).host],
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
