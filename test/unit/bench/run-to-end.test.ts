import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runToEnd } from '../../bench/all/run-to-end.ts';

const { env } = process;

/** A program that starts another and waits for it, as npm does; the other writes its process id into the file. */
function waiting(): { words: readonly string[]; startedId: () => number } {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-run-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'id');
  return {
    words: ['-c', `sh -c 'echo $$ >${file}; sleep 60; true'; true`],
    startedId: () => Number(readFileSync(file, 'utf8')),
  };
}

function isAlive(processId: number): boolean {
  try {
    // One that ended and that nobody waited for yet does nothing more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${processId}/status`, 'utf8'));
  } catch {
    return false;
  }
}

it('tells how a program ended', async () => {
  const limits = { env, longestMilliseconds: 10_000 };
  expect(await runToEnd('sh', ['-c', 'exit 3'], limits)).toEqual({ code: 3, tookTooLong: false });
});

it('ends a program that takes too long, with what it started', async () => {
  const { words, startedId } = waiting();
  const { tookTooLong } = await runToEnd('sh', words, { env, longestMilliseconds: 1_000 });
  expect(tookTooLong).toBe(true);
  await vi.waitFor(() => expect(isAlive(startedId())).toBe(false));
});

it('ends a program when it is interrupted itself, with what it started', async () => {
  const { words, startedId } = waiting();
  const file = fileURLToPath(new URL('../../bench/all/run-to-end.ts', import.meta.url));
  const script = `import { runToEnd } from ${JSON.stringify(file)};
    await runToEnd('sh', ${JSON.stringify(words)}, { env: process.env, longestMilliseconds: 60_000 });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  await vi.waitFor(() => expect(isAlive(startedId())).toBe(true), { timeout: 10_000 });
  child.kill('SIGINT');
  await once(child, 'exit');
  await vi.waitFor(() => expect(isAlive(startedId())).toBe(false), { timeout: 5_000 });
});
