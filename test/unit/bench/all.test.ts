import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { againstBar, medianOf, readFigures } from '../../bench/all/figures.ts';
import { plot } from '../../bench/all/plot.ts';
import { sectionOf, withSection } from '../../bench/all/write-section.ts';

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
      { name: 'a PDF: p50 | p95 of 20', value: '0.39 | 5.56 s', bar: 'p95 <= 5 s' },
      { name: 'only told, by a name that is longer than the column of names is wide', value: '7', bar: undefined },
    ]);
    rmSync(directory, { recursive: true });
  });

  it('take the median of each number, in the form of the first run', () => {
    expect(medianOf(['1.50 | 10 ms', '1.10 | 30 ms', '9.99 | 20 ms'])).toBe('1.50 | 20 ms');
    expect(medianOf(['2 ms'])).toBe('2 ms');
    expect(medianOf(['1 ms', 'nothing'])).toBe('1 ms');
  });

  it('compare only what can be compared', () => {
    const figure = (value: string, bar?: string) => againstBar({ name: 'x', value, bar });
    expect(figure('1.5 ms', '<= 2 ms')).toEqual({ value: 1.5, bar: 2, most: true, met: true });
    expect(figure('91 documents/s', '>= 100')).toEqual({ value: 91, bar: 100, most: false, met: false });
    expect(figure('0.4 | 5.6 s', 'p95 <= 5 s')).toEqual({ value: 5.6, bar: 5, most: true, met: false });
    expect(figure('1 | 2', '<= 2')).toBeUndefined();
    expect(figure('1')).toBeUndefined();
    expect(plot('none', [{ name: 'x', value: '1', bar: undefined }])).toBeUndefined();
    expect(plot('one', [{ name: 'a & b', value: '3', bar: '<= 2' }])).toContain('a &amp; b: 3 (at most 2)');
  });

  it('write one section, in the place of the last', () => {
    const outcome = { command: 'npm run bench:x', runs: 3, seconds: 9, failures: [], plot: undefined };
    const first = sectionOf('2 cores', '2026-11-30', [
      { ...outcome, figures: [{ name: 'a|b', value: '1', bar: '<= 2' }] },
    ]);
    const once = withSection('# Benchmarks\n', first);
    expect(once).toContain('### `npm run bench:x`');
    expect(once).toContain('| a·b | 1 | <= 2 |');
    const twice = withSection(`${once}\nAfter.\n`, sectionOf('4 cores', '2026-12-01', []));
    expect(twice).toMatch(/^# Benchmarks\n/);
    expect(twice).toContain('4 cores');
    expect(twice).not.toContain('2 cores');
    expect(twice).toContain('\nAfter.\n');
  });
});
