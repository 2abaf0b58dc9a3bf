import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chooseCommands, fileName, measuringCommands, runsOf, typed } from '../../bench/all/commands.ts';
import { againstBar, medianFigures, medianOf, readFigures } from '../../bench/all/figures.ts';
import { oneAfterAnother } from '../../bench/all/one-after-another.ts';
import { plot } from '../../bench/all/plot.ts';
import { runCommand } from '../../bench/all/run-command.ts';
import { placesOf, withFigures } from '../../bench/all/write-block.ts';

type Command = (typeof measuringCommands)[number];

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('all benches in one go', () => {
  it('read what a bench reports', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dbrag-figures-'));
    const file = join(directory, 'figures.jsonl');
    const bench = fileURLToPath(new URL('../../bench/statistics.ts', import.meta.url));
    const script = `import { report } from ${JSON.stringify(bench)};
      report('a PDF: p50 | p95 of 20', '0.39 | 5.56 s', { text: 'p95 <= 5 s', met: false });
      report('only told, by a name that is longer than the column of names is wide', '7');`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, BENCH_FIGURES: file },
    });
    expect(ended.status).toBe(1);
    expect(readFigures(readFileSync(file, 'utf8'))).toEqual([
      { name: 'a PDF: p50 | p95 of 20', value: '0.39 | 5.56 s', bar: 'p95 <= 5 s', met: false },
      {
        ...{ name: 'only told, by a name that is longer than the column of names is wide', value: '7' },
        ...{ bar: undefined, met: undefined },
      },
    ]);
    rmSync(directory, { recursive: true });
  });

  it('take the median of each number, in the form of the first run', () => {
    expect(medianOf(['1.50 | 10 ms', '1.10 | 30 ms', '9.99 | 20 ms'])).toBe('1.50 | 20 ms');
    expect(medianOf(['2 ms'])).toBe('2 ms');
    expect(medianOf(['1 ms', 'nothing'])).toBe('1 ms');
  });

  it('keep apart what has one name in a run, and say met where most runs met it', () => {
    const run = (first: string, second: string, met: boolean) => [
      { name: 'p95', value: first, bar: '<= 5', met },
      { name: 'p95', value: second, bar: undefined, met: undefined },
    ];
    expect(medianFigures([run('4', '40', true), run('6', '60', false), run('5', '50', true)])).toEqual([
      { name: 'p95', value: '5', bar: '<= 5', met: true },
      { name: 'p95', value: '50', bar: undefined, met: undefined },
    ]);
    expect(medianFigures([run('4', '40', true), run('6', '60', false)])[0]?.met).toBe(false);
  });

  it('compare only what can be compared', () => {
    const figure = (value: string, bar?: string) => againstBar({ name: 'x', value, bar, met: undefined });
    expect(figure('1.5 ms', '<= 2 ms')).toEqual({ value: 1.5, bar: 2, most: true });
    expect(figure('91 documents/s', '>= 100')).toEqual({ value: 91, bar: 100, most: false });
    expect(figure('1.86 x  (1.80,1.86,1.90)', '<= 1.5 x')).toEqual({ value: 1.86, bar: 1.5, most: true });
    expect(figure('0.4 | 5.6 s', 'p95 <= 5 s')).toEqual({ value: 5.6, bar: 5, most: true });
    expect(figure('1 | 2', '<= 2')).toBeUndefined();
    expect(figure('1')).toBeUndefined();
    expect(plot('none', [{ name: 'x', value: '1', bar: undefined, met: undefined }])).toBeUndefined();
    const missed = plot('one', [{ name: 'a & b', value: '3', bar: '<= 2', met: false }]);
    expect(missed).toContain('a &amp; b: 3 (at most 2)');
  });

  it('write the figures of a command into its place, and leave all else', () => {
    const document = [
      '# Benchmarks',
      '<!-- figures of `npm run bench:x` -->\nold\n<!-- end of figures -->',
      'By hand.',
      '<!-- figures of `npm run bench:y` -->\nkept\n<!-- end of figures -->\n',
    ].join('\n\n');
    const measured = {
      ...{ command: 'npm run bench:x', date: '2026-11-30', machine: '2 cores', otherWork: 0.02, runs: 3, seconds: 9 },
      ...{ each: undefined, failures: [], plot: 'benchmarks/x.svg' },
      ...{ figures: [{ name: 'a|b', value: '$1', bar: '<= 2', met: false }] },
    };
    const written = withFigures(document, measured);
    expect(written).toContain('| a·b | $1 | ≤ 2 | **missed** |');
    expect(written).toContain('2026-11-30, 2 cores; medians of 3 runs of 9 s; idle before it (2 %)');
    expect(written).not.toContain('old');
    expect(written).toContain('\n\nBy hand.\n\n<!-- figures of `npm run bench:y` -->\nkept\n');
    expect(withFigures(written, measured)).toBe(written);
    expect(withFigures(document, { ...measured, otherWork: 0.4 })).toContain('**busy**: others used 40 %');
    expect(withFigures(document, { ...measured, runs: 1, each: 'each figure the median of 3 repeats' })).toContain(
      '2 cores; one run of 9 s; each figure the median of 3 repeats; idle',
    );
    expect(() => withFigures(document, { ...measured, command: 'npm run bench:z' })).toThrow(/no place/);
  });

  it('know every bench of package.json, and the document has a place for each', () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
    const names = measuringCommands.map(({ script }) => script);
    expect(names).toEqual(expect.arrayContaining(Object.keys(scripts).filter((name) => name.startsWith('bench:'))));
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
    expect(placesOf(readFileSync(`${root}docs/benchmarks.md`, 'utf8'))).toEqual(measuringCommands.map(typed));
    const files = measuringCommands.map(fileName);
    expect(new Set(files).size).toBe(files.length);
  });

  it('are chosen by their short names', () => {
    expect(chooseCommands('search-recall').map(typed)).toEqual([
      'npm run bench:search-recall',
      'npm run bench:search-recall -- --rows 100000',
      'npm run bench:search-recall -- --rows 300000',
      'npm run bench:search-recall -- --rows 300000 --shared-buffers 4GB',
    ]);
    expect(() => chooseCommands('search,nothing')).toThrow(/no nothing/);
  });

  it('are chosen one by one where several share a name, and taken up from the middle', () => {
    const of = (only?: string, from?: string) => chooseCommands(only, from).map(fileName);
    expect(of('search-recall-rows-100000,split')).toEqual(['search-recall-rows-100000', 'split']);
    expect(of(undefined, 'memory')).toEqual(['memory', 'load']);
    expect(of('clients,search-recall', 'search-recall-rows-300000')).toEqual([
      'search-recall-rows-300000',
      'search-recall-rows-300000-shared-buffers-4GB',
    ]);
    expect(of()).toEqual(measuringCommands.map(fileName));
    expect(() => of(undefined, 'nothing')).toThrow(/no nothing/);
  });

  it('run once where one run is as good as several, three times otherwise, and as often as asked', () => {
    const [split, catalog] = ['split', 'catalog'].map((name) => chooseCommands(name)[0]) as [Command, Command];
    expect([split, catalog].map((command) => runsOf(command, undefined))).toEqual([1, 3]);
    expect([split, catalog].map((command) => runsOf(command, 2))).toEqual([2, 2]);
    const minutes = measuringCommands.reduce((sum, command) => sum + runsOf(command, undefined) * command.minutes, 0);
    expect(minutes).toBeLessThan(120);
  });

  it('go on after one that fails or breaks off, and say how to try those again', async () => {
    const chosen = chooseCommands('events,catalog,split');
    const tried: string[] = [];
    const said: string[] = [];
    const failed = await oneAfterAnother(
      chosen,
      async (command) => {
        tried.push(fileName(command));
        if (tried.length === 1) throw new Error('no engines');
        return tried.length === 3;
      },
      (line) => void said.push(line),
    );
    expect(tried).toEqual(['events', 'catalog', 'split']);
    expect(failed.map(fileName)).toEqual(['events', 'catalog']);
    expect(said.join('')).toContain('no engines');
    expect(said.join('')).toContain('--from catalog');
    expect(said.at(-1)).toContain('--only events,catalog');
  });

  it('stop the engines that each run started, and tell runs that broke off', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dbrag-npm-'));
    const count = join(directory, 'count');
    // The second run is broken off: it ends without the figure that would say why.
    const npm = `#!/bin/sh
      echo run >>${count}
      printf 'one\ntwo\none\n' >>"$BENCH_ENGINES"
      printf '{"name":"p50","value":"%s ms"}\n' "$(wc -l <${count})" >>"$BENCH_FIGURES"
      [ "$(wc -l <${count})" -ne 2 ]`;
    writeFileSync(join(directory, 'npm'), npm, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${directory}:${path}`;
    const stopped: string[] = [];
    const command = { script: 'bench:x', options: '', minutes: 1, each: undefined };
    const found = await runCommand(command, 3, async (name) => void stopped.push(name)).finally(() => {
      process.env.PATH = path;
      rmSync(directory, { recursive: true });
    });
    expect(stopped).toEqual(['one', 'two', 'one', 'two', 'one', 'two']);
    expect(found.failures).toEqual(['run 2 ended with 1 after 1 figures']);
    expect(found.figures.map(({ value }) => value)).toEqual(['2 ms']);
  });
});
