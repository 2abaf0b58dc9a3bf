/**
 * `npm run bench [-- --only search,split] [--from ingest] [--repeats 3] [--write] [--list]`: everything that makes figures of docs/benchmarks.md, one
 * command after another. A command whose figures are each the median of several repeats, or a percentile of many samples, runs once; others
 * three times, and the medians count; `--repeats` says otherwise for all. `--write` puts them into their places of that document, with a plot
 * each below docs/benchmarks/. On an otherwise idle machine; for about two hours. A command that fails does not end the others, and one that takes five times as
 * long as it should is ended; `--from` takes up what was interrupted. Needs what the benches need: native engines, root.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseCommands, fileName, type MeasuringCommand, runsOf, typed } from './commands.ts';
import { oneAfterAnother } from './one-after-another.ts';
import { plot } from './plot.ts';
import { otherWork, runCommand } from './run-command.ts';
import { blockOf, type Measured, withFigures } from './write-block.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    from: { type: 'string' },
    repeats: { type: 'string' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const chosen = chooseCommands(values.only, values.from);
const repeats = values.repeats === undefined ? undefined : Number(values.repeats);
if (repeats !== undefined && !(Number.isInteger(repeats) && repeats >= 1))
  throw new Error(`--repeats is a whole number from 1, not ${values.repeats}.`);
const say = (line: string): void => void process.stdout.write(line);
for (const command of chosen) {
  const runs = runsOf(command, repeats);
  const times = runs === 1 ? 'one run' : `${runs} runs`;
  say(`${typed(command).padEnd(72)} ${times} of ${command.minutes} min${command.each ? `: ${command.each}` : ''}\n`);
}
const minutes = chosen.reduce((sum, command) => sum + runsOf(command, repeats) * command.minutes, 0);
say(`about ${Math.ceil(minutes)} minutes\n`);
if (values.list) process.exit();

const document = join('docs', 'benchmarks.md');
const plots = join('docs', 'benchmarks');
const gigabytes = Math.round(totalmem() / 2 ** 30);
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${gigabytes} GB, Node ${process.versions.node}`;

const failed = await oneAfterAnother(
  chosen,
  async (command) => {
    const measured = await measure(command);
    // After each: what was measured is there when a later one ends the run.
    if (values.write) writeFileSync(document, withFigures(readFileSync(document, 'utf8'), measured));
    else say(`\n${blockOf(measured)}\n`);
    return measured.failures.length === 0;
  },
  say,
);
process.exit(failed.length > 0 ? 1 : 0);

async function measure(command: MeasuringCommand): Promise<Measured> {
  const others = await otherWork();
  const found = await runCommand(command, runsOf(command, repeats));
  const drawn = plot(typed(command), found.figures);
  const file = `${fileName(command)}.svg`;
  if (drawn !== undefined && values.write) {
    mkdirSync(plots, { recursive: true });
    writeFileSync(join(plots, file), drawn);
  }
  return {
    ...{ command: typed(command), date: new Date().toISOString().slice(0, 10), machine, otherWork: others, ...found },
    ...{ each: command.each, plot: drawn === undefined ? undefined : `benchmarks/${file}` },
  };
}
