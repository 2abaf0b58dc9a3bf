import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chooseCommands, fileName, measuringCommands, typed } from '../../bench/all/commands.ts';
import { againstBar, medianFigures, medianOf, readFigures } from '../../bench/all/figures.ts';
import { plot } from '../../bench/all/plot.ts';
import { placesOf, withFigures } from '../../bench/all/write-block.ts';

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
      ...{ failures: [], plot: 'benchmarks/x.svg', figures: [{ name: 'a|b', value: '$1', bar: '<= 2', met: false }] },
    };
    const written = withFigures(document, measured);
    expect(written).toContain('| a·b | $1 | ≤ 2 | **missed** |');
    expect(written).toContain('2026-11-30, 2 cores; medians of 3 runs of 9 s; idle before it (2 %)');
    expect(written).not.toContain('old');
    expect(written).toContain('\n\nBy hand.\n\n<!-- figures of `npm run bench:y` -->\nkept\n');
    expect(withFigures(written, measured)).toBe(written);
    expect(withFigures(document, { ...measured, otherWork: 0.4 })).toContain('**busy**: others used 40 %');
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
    ]);
    expect(() => chooseCommands('search,nothing')).toThrow(/no nothing/);
  });
});
