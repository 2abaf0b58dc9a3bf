/**
 * `npm run bench [-- --only search,split] [--repeats 3] [--write] [--list]`: everything that makes figures of docs/benchmarks.md, one command after
 * another, each several times, and the medians of what they report. `--write` puts them into their places of that document, with a plot each
 * below docs/benchmarks/. On an otherwise idle machine; for hours. Needs what the benches need: native engines, root.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseCommands, fileName, type MeasuringCommand, typed } from './commands.ts';
import { plot } from './plot.ts';
import { otherWork, runCommand } from './run-command.ts';
import { blockOf, type Measured, withFigures } from './write-block.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const chosen = chooseCommands(values.only);
const repeats = Number(values.repeats);
const minutes = repeats * chosen.reduce((sum, command) => sum + command.minutes, 0);
process.stdout.write(chosen.map((command) => `${typed(command).padEnd(48)} ${command.minutes} min a run\n`).join(''));
process.stdout.write(`${repeats} runs each: about ${minutes} minutes\n`);
if (values.list) process.exit();

const document = join('docs', 'benchmarks.md');
const plots = join('docs', 'benchmarks');
const gigabytes = Math.round(totalmem() / 2 ** 30);
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${gigabytes} GB, Node ${process.versions.node}`;

let failed = false;
for (const command of chosen) {
  const measured = await measure(command);
  failed ||= measured.failures.length > 0;
  // After each: what was measured is there when a later one ends the run.
  if (values.write) writeFileSync(document, withFigures(readFileSync(document, 'utf8'), measured));
  else process.stdout.write(`\n${blockOf(measured)}\n`);
}
process.exit(failed ? 1 : 0);

async function measure(command: MeasuringCommand): Promise<Measured> {
  const others = await otherWork();
  const found = await runCommand(command, repeats);
  const drawn = plot(typed(command), found.figures);
  const file = `${fileName(command)}.svg`;
  if (drawn !== undefined && values.write) {
    mkdirSync(plots, { recursive: true });
    writeFileSync(join(plots, file), drawn);
  }
  return {
    ...{ command: typed(command), date: new Date().toISOString().slice(0, 10), machine, otherWork: others, ...found },
    plot: drawn === undefined ? undefined : `benchmarks/${file}`,
  };
}
