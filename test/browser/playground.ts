/**
 * `npm run test:playground [-- --screenshot docs/playground.png]`: the playground in a headless Chromium, on a local cloud of its own
 * with the offline models. Skipped, with the reason, where there is no browser.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type LocalCloud, startLocalCloud } from '../../infra/local/cloud.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { firstWorkspace } from '../../infra/local/start/first-workspace.ts';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { Browser, findBrowser } from '../support/browser.ts';
import { samplePdf } from '../unit/ingestion/formats/sample-pdf.ts';

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
    const pdf = join(directory, 'harbours.pdf');
    writeFileSync(pdf, samplePdf([['Harbours of the north.'], ['The harbour of Hirtshals was opened in 1930.']]));
    const browser = await Browser.start(path);
    try {
      await useThePage(browser, cloud.url, key, file);
      await openAPdf(browser, cloud, pdf);
      if (values.screenshot) writeFileSync(resolve(values.screenshot), await browser.screenshot());
    } finally {
      await browser.close();
    }
  } finally {
    await cloud.close();
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write(
    'the playground works: file dropped, job watched, question answered, citation opened, PDF uploaded and opened at its page\n',
  );
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

/** What is no text goes into the bucket, whose origin is another, and is opened where the quote stands. */
async function openAPdf(browser: Browser, cloud: LocalCloud, pdf: string): Promise<void> {
  await browser.choose('#files', [pdf]);
  await browser.until(`document.querySelector('#jobs li').textContent.includes('harbours.pdf')
    && document.querySelector('#jobs li').textContent.includes('succeeded')`);
  await browser.evaluate(`window.open = () => (window.opened = { close() {} });
    document.getElementById('question').value = 'When was the harbour of Hirtshals opened?';
    document.getElementById('form').requestSubmit()`);
  await browser.until(`document.querySelector('#sources h2')?.textContent.includes('harbours.pdf')`);
  assert.match(await browser.evaluate(`document.querySelector('#sources small').textContent`), /^page 2/);
  await browser.evaluate(`document.querySelector('#sources article button').click()`);
  await browser.until('window.opened?.location');
  const url = new URL(await browser.evaluate<string>('window.opened.location'));
  assert.equal(url.hash, '#page=2');
  const file = await fetch(url);
  assert.equal(file.headers.get('content-type'), 'application/pdf');
  assert.match(file.headers.get('content-disposition') ?? '', /^inline/);
  assert.deepEqual(browser.complaints, []);
  const hosts = [new URL(cloud.url).host, new URL(cloud.aws.endpoints.S3).host];
  assert.deepEqual([...browser.hosts].filter((host) => host !== '').sort(), hosts.sort());
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
