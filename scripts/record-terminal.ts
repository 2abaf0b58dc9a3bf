/**
 * `npm run record`: runs `npm start` and `npm run demo` and draws what they print, when they print it: docs/terminal.svg, the picture of
 * the README. Keys are blotted out, since a picture with one sets off every scanner of secrets.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TerminalLine, terminalPicture } from './terminal-picture.ts';

const file = join('docs', 'terminal.svg');
const dataDirectory = join(mkdtempSync(join(tmpdir(), 'dbrag-record-')), '.dbrag');
const lines: TerminalLine[] = [];
const began = performance.now();
const tell = (text: string, typed = false): void => {
  const plain = text.replace(/dbrag_\w{36}/g, 'dbrag_…').replaceAll(dataDirectory, '.dbrag');
  lines.push({ text: plain, second: (performance.now() - began) / 1_000, typed });
};
/** Everything that a newcomer pastes is in the README already. */
const isLeftOut = (line: string): boolean => /^ +(curl|-H|npm run demo)|^ {2}Add a document|^$/.test(line);

function run(command: readonly string[]): ChildProcess {
  const environment = { ...process.env, LOCAL_DATA_DIR: dataDirectory };
  const child = spawn('npm', [...command], { env: environment, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    // npm repeats what was typed; a bar that is redrawn is shown as it ended.
    if (line.startsWith('> ') || isLeftOut(line)) return;
    const bar = line.startsWith('[') && lines.at(-1)?.text.startsWith('[');
    if (bar) lines.pop();
    tell(line);
  });
  return child;
}

tell('$ npm ci && npm start', true);
const service = run(['start']);
try {
  while (!lines.some(({ text }) => text.includes('Ctrl-C'))) {
    if (service.exitCode !== null) throw new Error('npm start ended');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  tell('');
  tell('$ npm run demo', true);
  const [code] = (await once(run(['run', 'demo']), 'close')) as [number | null];
  if (code !== 0) throw new Error(`npm run demo ended with ${code}`);
  writeFileSync(file, terminalPicture(lines));
  console.log(`${file}: ${lines.length} lines`);
} finally {
  const ended = once(service, 'close');
  // npm passes no signal on: its whole group is told.
  process.kill(-(service.pid as number), 'SIGINT');
  await ended;
  rmSync(join(dataDirectory, '..'), { recursive: true, force: true });
}
