/**
 * `npm run bench [-- --only search,split] [--repeats 3] [--write] [--list]`: the benches of `package.json` one after another, each several times,
 * and the medians of what they report. `--write` puts them into docs/benchmarks.md, with a plot each below docs/benchmarks/. On an otherwise idle
 * machine; for hours. Needs what the benches need: native engines, root.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { medianOf, readFigures } from './figures.ts';
import { plot } from './plot.ts';
import { type BenchOutcome, sectionOf, withSection } from './write-section.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const all = Object.keys(scripts).filter((name) => name.startsWith('bench:'));
const chosen = values.only?.split(',').map((name) => `bench:${name}`) ?? all;
const unknown = chosen.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}; there are ${all.join(', ')}.`);
if (values.list) {
  process.stdout.write(`${chosen.join('\n')}\n`);
  process.exit();
}
const repeats = Number(values.repeats);
const plots = join('docs', 'benchmarks');

const outcomes: BenchOutcome[] = [];
for (const name of chosen) outcomes.push(await measure(name));
const gigabytes = Math.round(totalmem() / 2 ** 30);
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${gigabytes} GB, Node ${process.versions.node}`;
const section = sectionOf(machine, new Date().toISOString().slice(0, 10), outcomes);
if (values.write) {
  const file = join('docs', 'benchmarks.md');
  writeFileSync(file, withSection(readFileSync(file, 'utf8'), section));
} else process.stdout.write(`\n${section}\n`);
process.exit(outcomes.some(({ failures }) => failures.length > 0) ? 1 : 0);

async function measure(name: string): Promise<BenchOutcome> {
  const command = `npm run ${name}`;
  const began = performance.now();
  const reports: ReturnType<typeof readFigures>[] = [];
  const failures: string[] = [];
  for (let run = 1; run <= repeats; run++) {
    process.stdout.write(`\n${command} (${run} of ${repeats})\n`);
    const { written, code } = await runBench(name);
    const figures = readFigures(written);
    // A bench ends with 1 where it misses a bar, too: it has failed if it also reported nothing.
    if (figures.length === 0) failures.push(`run ${run} ended with ${code} and reported nothing`);
    else reports.push(figures);
  }
  const [first = []] = reports;
  const figures = first.map((figure) => ({
    ...figure,
    value: medianOf(reports.flatMap((each) => each.find((other) => other.name === figure.name)?.value ?? [])),
  }));
  const drawn = plot(command, figures);
  const file = `${name.replace('bench:', '')}.svg`;
  if (drawn !== undefined && values.write) {
    mkdirSync(plots, { recursive: true });
    writeFileSync(join(plots, file), drawn);
  }
  return {
    ...{ command, runs: reports.length, seconds: (performance.now() - began) / 1_000, figures, failures },
    plot: drawn === undefined ? undefined : `benchmarks/${file}`,
  };
}

async function runBench(name: string): Promise<{ written: string; code: number | null }> {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-'));
  const file = join(directory, 'figures.jsonl');
  writeFileSync(file, '');
  const environment = { ...process.env, BENCH_FIGURES: file };
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'inherit', 'inherit'], env: environment });
  const [code] = (await once(child, 'close')) as [number | null];
  const written = readFileSync(file, 'utf8');
  rmSync(directory, { recursive: true });
  return { written, code };
}
