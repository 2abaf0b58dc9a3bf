import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopEngines } from '../engines.ts';
import type { MeasuringCommand } from './commands.ts';
import { type Figure, medianFigures, readFigures } from './figures.ts';
import { type End, runToEnd } from './run-to-end.ts';

/** A run that takes so many times what it should, on a machine without other work, does not end by itself. */
const patience = 5;
const leastPatienceMinutes = 10;

export interface Runs {
  readonly runs: number;
  /** Of one run, on average. */
  readonly seconds: number;
  /** Medians. */
  readonly figures: readonly Figure[];
  readonly failures: readonly string[];
}

/**
 * Runs a command several times, one run after the other. The engines that it started are stopped after each: they would keep their memory from
 * those of the next, and vacuum what it left beside them.
 * @param stop ends engines by their name
 */
export async function runCommand(command: MeasuringCommand, repeats: number, stop = stopEngines): Promise<Runs> {
  let milliseconds = 0;
  const reports: Figure[][] = [];
  const failures: string[] = [];
  for (let run = 1; run <= repeats; run++) {
    process.stdout.write(`\nnpm run ${command.script} ${command.options} (${run} of ${repeats})\n`);
    const began = performance.now();
    const { written, code, tookTooLong, engines } = await runOnce(command);
    milliseconds += performance.now() - began;
    for (const name of engines) await stop(name);
    const figures = readFigures(written);
    // A bench ends with 1 where it misses a bar, and then says so: one that was broken off in the middle misses figures without saying so.
    const explained = code === 0 || (code === 1 && figures.some(({ met }) => met === false));
    const how = tookTooLong ? 'took too long and was ended' : `ended with ${code}`;
    if (figures.length === 0 || !explained) failures.push(`run ${run} ${how} after ${figures.length} figures`);
    if (figures.length > 0) reports.push(figures);
  }
  const seconds = milliseconds / 1_000 / repeats;
  return { runs: reports.length, seconds, figures: medianFigures(reports), failures };
}

interface Run extends End {
  readonly written: string;
  /** Names of those that it started. */
  readonly engines: ReadonlySet<string>;
}

async function runOnce({ script, options, minutes }: MeasuringCommand): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-'));
  const [file, enginesFile] = [join(directory, 'figures.jsonl'), join(directory, 'engines')];
  writeFileSync(file, '');
  writeFileSync(enginesFile, '');
  const words = ['run', '--silent', script, '--', ...options.split(' ').filter(Boolean)];
  const env = { ...process.env, BENCH_FIGURES: file, BENCH_ENGINES: enginesFile };
  const longestMilliseconds = Math.max(leastPatienceMinutes, patience * minutes) * 60_000;
  const end = await runToEnd('npm', words, { env, longestMilliseconds });
  const written = readFileSync(file, 'utf8');
  const engines = new Set(readFileSync(enginesFile, 'utf8').split('\n').filter(Boolean));
  rmSync(directory, { recursive: true });
  return { ...end, written, engines };
}

const lookSeconds = 3;

/** What share of the processors works while this process waits: 0 on an idle machine, 1 on one without time to spare. */
export async function otherWork(): Promise<number> {
  const times = () =>
    cpus().reduce(
      (sum, { times: { idle, ...busy } }) => ({
        idle: sum.idle + idle,
        busy: sum.busy + Object.values(busy).reduce((total, each) => total + each, 0),
      }),
      { idle: 0, busy: 0 },
    );
  const before = times();
  await sleep(lookSeconds * 1_000);
  const after = times();
  const [idle, busy] = [after.idle - before.idle, after.busy - before.busy];
  return busy / Math.max(1, idle + busy);
}
