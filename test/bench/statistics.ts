import { appendFileSync } from 'node:fs';

/** The value below which `share` (0 to 1) of the measurements lie. */
export function percentile(measured: readonly number[], share: number): number {
  const sorted = [...measured].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

export const median = (measured: readonly number[]): number => percentile(measured, 0.5);

/** Where figures are written as well, a JSON object a line, for whoever started the bench (`npm run bench`). */
const figuresFile = process.env.BENCH_FIGURES;

/** One line of a report: a name, what was measured, and whether the bar was met. */
export function report(name: string, value: string, bar?: { readonly text: string; readonly met: boolean }): void {
  const verdict = bar === undefined ? '' : `   ${bar.met ? 'meets' : 'MISSES'} ${bar.text}`;
  process.stdout.write(`${name.padEnd(52)} ${value}${verdict}\n`);
  if (figuresFile) appendFileSync(figuresFile, `${JSON.stringify({ name, value, bar: bar?.text, met: bar?.met })}\n`);
  if (bar?.met === false) process.exitCode = 1;
}
