import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunctions } from '../../../../infra/bundle.ts';
import type { ChildReply } from '../../../../shared/ingestion/parse-in-child-contract.ts';
import { type Frame, readFrames, writeFrame } from '../../../../shared/ingestion/parse-in-child-frames.ts';
import {
  openDocument,
  paragraph,
  sampleEpub,
  samplePptx,
  sampleXlsx,
  shape,
  wordParts,
  zipOf,
} from './sample-archives.ts';
import { samplePdf } from './sample-pdf.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const office = 'application/vnd.openxmlformats-officedocument.';
const libraries = /node_modules\/(unpdf|mammoth|csv-parse|read-excel-file|fflate|postal-mime|saxen|parse5)\//;
let directory: string;
let bundle: Awaited<ReturnType<typeof bundleFunctions>>;
let child: ChildProcess;
let replies: AsyncGenerator<Frame<ChildReply>>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dbrag-parse-bundle-'));
  bundle = await bundleFunctions({ root, outputDirectory: directory, entries: ['queue/ingest-document'] });
  child = spawn(process.execPath, [join(directory, 'programs', 'parse-in-child.mjs'), '512'], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    cwd: directory,
  });
  replies = readFrames<ChildReply>(child.stdio[3] as Socket);
  expect((await replies.next()).value?.header).toEqual({ outcome: 'ready' });
}, 60_000);

afterAll(() => {
  child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

describe('the bundled parser', () => {
  it.each([
    ['application/pdf', samplePdf([['word']])],
    [`${office}wordprocessingml.document`, zipOf(wordParts(paragraph('word')))],
    [`${office}presentationml.presentation`, samplePptx([{ shapes: shape('', 'word') }])],
    [`${office}spreadsheetml.sheet`, sampleXlsx([{ name: 'S', rows: [['word']] }])],
    ['application/vnd.oasis.opendocument.text', openDocument('text', '<text:p>word</text:p>')],
    ['application/epub+zip', sampleEpub({ 'a.xhtml': '<html><body><p>word</p></body></html>' })],
    ['text/html', Buffer.from('<p>word</p>')],
    ['text/csv', Buffer.from('a,b\nword,2')],
    ['application/json', Buffer.from('{"a":"word"}')],
    ['message/rfc822', Buffer.from('Subject: x\r\n\r\nword')],
  ])('reads %s without any package beside it', async (mediaType, bytes) => {
    const limits = { memoryMegabytes: 512, timeoutMilliseconds: 20_000 };
    writeFrame(child.stdio[3] as Socket, { mediaType, name: 'x', contentType: null, limits }, bytes);
    const { value } = await replies.next();
    expect(value?.header).toMatchObject({ outcome: 'parsed', mediaType });
    expect(Buffer.from(value?.body ?? []).toString()).toContain('word');
  });

  it('stands where the function looks for it', () => {
    const url = new URL('../programs/parse-in-child.mjs', `file://${directory}/queue/ingest-document.mjs`);
    expect(existsSync(url)).toBe(true);
  });

  it('leaves the start of the function without its libraries', () => {
    const outputs = new Map(Object.entries(bundle.metafile.outputs));
    const entry = [...outputs.keys()].find((path) => path.endsWith('queue/ingest-document.mjs'));
    const reached = new Set<string>();
    const walk = (path: string): void => {
      const output = outputs.get(path);
      if (!output || reached.has(path)) return;
      reached.add(path);
      for (const { kind, path: next } of output.imports) if (kind === 'import-statement') walk(next);
    };
    walk(entry ?? '');
    const inputs = [...reached].flatMap((path) => Object.keys(outputs.get(path)?.inputs ?? {}));
    expect(inputs).toContain('shared/ingestion/parse-in-child.ts');
    expect(inputs.filter((input) => libraries.test(input))).toEqual([]);
    const all = [...outputs.values()].flatMap((output) => Object.keys(output.inputs));
    expect(all.some((input) => libraries.test(input))).toBe(true);
  });
});
