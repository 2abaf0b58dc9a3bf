import type { Figure } from './figures.ts';

/** What a command told, and under which circumstances. */
export interface Measured {
  /** As it is typed. */
  readonly command: string;
  /** YYYY-MM-DD */
  readonly date: string;
  readonly machine: string;
  /** Share of the processors that others used before the first run, 0 to 1. */
  readonly otherWork: number;
  readonly runs: number;
  /** Of one run, on average. */
  readonly seconds: number;
  /** What each figure of one run is, where that is more than something tried once. */
  readonly each: string | undefined;
  /** Medians. */
  readonly figures: readonly Figure[];
  /** How the runs that failed ended; a missed bar is none. */
  readonly failures: readonly string[];
  /** From `docs/`; undefined where there is none. */
  readonly plot: string | undefined;
}

const blocks = /<!-- figures of `([^`]+)` -->\n[\s\S]*?<!-- end of figures -->/g;
const end = '<!-- end of figures -->';
/** Above that, other work counts. */
const idle = 0.1;

/** The commands whose figures the document has a place for, in its order. */
export const placesOf = (document: string): string[] =>
  [...document.matchAll(blocks)].map(([, command]) => command as string);

/**
 * Puts what was measured where the document has a place for it: all else in it is written by hand.
 * @throws where it has none
 */
export function withFigures(document: string, measured: Measured): string {
  if (!placesOf(document).includes(measured.command))
    throw new Error(`The document has no place for the figures of ${measured.command}.`);
  return document.replace(blocks, (block, command) => (command === measured.command ? blockOf(measured) : block));
}

export function blockOf({ command, date, machine, otherWork, runs, seconds, each, ...found }: Measured): string {
  const share = `${Math.round(otherWork * 100)} %`;
  const circumstances = [
    `${date}, ${machine}`,
    runs === 1 ? `one run of ${seconds.toFixed(0)} s` : `medians of ${runs} runs of ${seconds.toFixed(0)} s`,
    ...(each === undefined ? [] : [each]),
    otherWork > idle ? `**busy**: others used ${share} of the processors` : `idle before it (${share})`,
  ];
  return [
    `<!-- figures of \`${command}\` -->`,
    `\`${command}\`: ${circumstances.join('; ')}.\n`,
    ...found.failures.map((failure) => `**Failed**: ${cell(failure)}\n`),
    '| what | figure | bar | |\n|---|---|---|---|',
    ...found.figures.map(
      ({ name, value, bar, met }) => `| ${cell(name.trim())} | ${cell(value)} | ${sign(bar ?? '')} | ${verdict(met)} |`,
    ),
    ...(found.plot === undefined ? [] : [`\n![${command}: figures beside their bars](${found.plot})`]),
    end,
  ].join('\n');
}

const verdict = (met: boolean | undefined): string => (met === undefined ? '' : met ? 'met' : '**missed**');
const cell = (text: string): string => text.replaceAll('|', '·').replaceAll('\n', ' ');
const sign = (text: string): string => cell(text).replaceAll('<=', '≤').replaceAll('>=', '≥');
