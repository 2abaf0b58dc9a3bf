import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { defaultParseLimits, parseInChild } from '../../../../shared/ingestion/parse-in-child.ts';
import type { ChildRequest } from '../../../../shared/ingestion/parse-in-child-contract.ts';
import { ParserProcess } from '../../../../shared/ingestion/parse-in-child-process.ts';

const html = { name: 'x', mediaType: 'text/html' } as const;
const page = (words: string): Buffer => Buffer.from(`<p>${words}`);
/** A small page that takes seconds: every end tag looks through all open elements. */
const slowPage = Buffer.from('<x>'.repeat(1_900) + '</y>'.repeat(4_000_000));
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

describe('parseInChild', () => {
  it('answers each of many callers with its own file', async () => {
    const words = Array.from({ length: 20 }, (_, i) => `words ${i} \u{1f600} ю`);
    const documents = await Promise.all(words.map((word) => parseInChild(page(word), html)));
    expect(documents.map(({ text }) => text)).toEqual(words);
  });

  it('carries large files and texts', async () => {
    const row = 'a cell, and some more of it\n';
    const bytes = Buffer.from(`x,y\n${row.repeat(300_000)}`);
    const { text } = await parseInChild(bytes, { name: 'x.csv', mediaType: 'text/csv' });
    expect(text.split('\n\n')).toHaveLength(300_000);
  }, 60_000);

  it('ends what takes too long, and reads on', async () => {
    const started = performance.now();
    const limits = { ...defaultParseLimits, timeoutMilliseconds: 500 };
    await expect(parseInChild(slowPage, html, limits)).rejects.toMatchObject({ code: 'file_expands_too_far' });
    expect(performance.now() - started).toBeLessThan(8_000);
    expect((await parseInChild(page('next'), html)).text).toBe('next');
  });

  it('ends what takes too much memory, and reads on', async () => {
    const limits = { ...defaultParseLimits, memoryMegabytes: 200 };
    const bytes = Buffer.from(`<p>${'<b>x</b>'.repeat(1_500_000)}`);
    const failure = parseInChild(bytes, html, limits);
    await expect(failure).rejects.toMatchObject({ code: 'file_expands_too_far' });
    await expect(failure).rejects.toHaveProperty('cause.message', 'more than 200 MB of memory');
    expect((await parseInChild(page('next'), html)).text).toBe('next');
  });

  it('answers at once where what reads a file fails in a way that nobody foresaw', async () => {
    const child = await ParserProcess.start(512);
    const started = performance.now();
    const request = { texts: [null], mostChunks: 10, limits: defaultParseLimits } as unknown as ChildRequest;
    const { header } = await child.ask(request, Buffer.from('x'));
    child.end();
    expect(header).toMatchObject({ outcome: 'refused', code: 'corrupt_file', detail: expect.stringContaining('null') });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.skipIf(process.platform !== 'linux')('reads on after its idle child was killed', async () => {
    await parseInChild(page('first'), html);
    for (const pid of childrenOf(process.pid)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('parse-in-child')) process.kill(pid, 'SIGKILL');
    }
    // At once: the parent has not heard of it yet.
    expect((await parseInChild(page('next'), html)).text).toBe('next');
  });

  it.skipIf(process.platform !== 'linux')('tells a child that was killed over a file, and why', async () => {
    const child = await ParserProcess.start(512);
    const request = { mediaType: 'text/html', name: 'x', contentType: null, limits: defaultParseLimits } as const;
    const failure = child.ask(request, slowPage);
    await setTimeout(200);
    for (const pid of childrenOf(process.pid)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('parse-in-child')) process.kill(pid, 'SIGSEGV');
    }
    await expect(failure).rejects.toMatchObject({ name: 'DocumentError', code: 'corrupt_file' });
    await expect(failure).rejects.toHaveProperty('cause.message', expect.stringContaining('SIGSEGV'));
  });

  it.skipIf(process.platform !== 'linux')(
    'leaves no child behind when its process is killed while it parses',
    async () => {
      const module = fileURLToPath(new URL('../../../../shared/ingestion/parse-in-child.ts', import.meta.url));
      const script = `import { parseInChild } from ${JSON.stringify(module)};
      parseInChild(Buffer.from('<x>'.repeat(1_900) + '</y>'.repeat(20_000_000)), { name: 'x', mediaType: 'text/html' });`;
      const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
      const pid = parent.pid ?? 0;
      while (childrenOf(pid).length === 0) await setTimeout(20);
      await setTimeout(700);
      const [child = 0] = childrenOf(pid);
      expect(existsSync(`/proc/${child}`)).toBe(true);
      parent.kill('SIGKILL');
      for (let i = 0; i < 100 && existsSync(`/proc/${child}`); i += 1) await setTimeout(20);
      expect(existsSync(`/proc/${child}`)).toBe(false);
    },
  );

  it('keeps nobody awake once it has answered', async () => {
    const module = fileURLToPath(new URL('../../../../shared/ingestion/parse-in-child.ts', import.meta.url));
    const script = `import { parseInChild } from ${JSON.stringify(module)};
      console.log((await parseInChild(Buffer.from('<p>words'), { name: 'x', mediaType: 'text/html' })).text);`;
    const program = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    program.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    const started = performance.now();
    const code = await new Promise((resolve) => program.once('exit', resolve));
    expect([code, output]).toEqual([0, 'words\n']);
    // Well before the idle child would end by itself.
    expect(performance.now() - started).toBeLessThan(8_000);
  });
});
