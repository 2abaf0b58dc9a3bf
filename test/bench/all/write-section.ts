import type { Figure } from './figures.ts';

export interface BenchOutcome {
  /** As it is typed. */
  readonly command: string;
  readonly runs: number;
  readonly seconds: number;
  /** Medians. */
  readonly figures: readonly Figure[];
  /** How the runs that failed ended; a missed bar is none. */
  readonly failures: readonly string[];
  /** From `docs/`; undefined where there is none. */
  readonly plot: string | undefined;
}

const begin = '<!-- written by `npm run bench -- --write` -->';
const end = '<!-- end -->';

/** Puts the section into the document: in the place of the last one, or behind everything. */
export function withSection(document: string, section: string): string {
  const written = `${begin}\n\n${section.trim()}\n\n${end}`;
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${written}\n`;
  return document.slice(0, from) + written + document.slice(to + end.length);
}

export function sectionOf(machine: string, date: string, outcomes: readonly BenchOutcome[]): string {
  const parts = outcomes.map(({ command, runs, seconds, figures, failures, plot }) =>
    [
      `### \`${command}\`\n`,
      `Median of ${runs} ${runs === 1 ? 'run' : 'runs'}, ${seconds.toFixed(0)} s in all.\n`,
      ...failures.map((failure) => `**Failed**: ${cell(failure)}\n`),
      '| what | figure | bar |\n|---|---|---|',
      ...figures.map(({ name, value, bar }) => `| ${cell(name)} | ${cell(value)} | ${cell(bar ?? '')} |`),
      ...(plot === undefined ? [] : [`\n![${command}: figures beside their bars](${plot})`]),
    ].join('\n'),
  );
  return [`## All benchmarks in one go: \`npm run bench\`\n`, `${date}. ${machine}.\n`, ...parts].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '·').replaceAll('\n', ' ');
