/** A command that makes figures of docs/benchmarks.md: it ends by itself and tells each figure by `report`. */
export interface MeasuringCommand {
  /** Of package.json. */
  readonly script: string;
  readonly options: string;
  /** What one run takes on two idle cores, roughly, with what it prepares. */
  readonly minutes: number;
  /** What each figure of one run is, as the document says it, where that is as good as several runs; undefined where a run tries something once. */
  readonly each: string | undefined;
}

const bench = (name: string, minutes: number, each?: string, options = ''): MeasuringCommand => ({
  ...{ script: `bench:${name}`, options, minutes, each },
});

const recall = 'recalls counted over 40 questions, times the medians of 3 repeats';

/** In the order of the document. */
export const measuringCommands: readonly MeasuringCommand[] = [
  bench('search', 9, 'each ratio the median of 3 repeats'),
  bench('clients', 2, 'percentiles of all requests of a minute'),
  bench('growth', 13, 'each figure the median of 3 repeats'),
  bench('search-recall', 2, recall),
  bench('search-recall', 5, recall, '--rows 100000'),
  bench('search-recall', 9, recall, '--rows 300000'),
  bench('search-recall', 16, recall, '--rows 300000 --shared-buffers 4GB'),
  { script: 'test:retrieval', options: '', minutes: 4, each: 'counted over 300 questions' },
  bench('ingest-load', 1),
  bench('ingest', 8, 'each figure the median of 3 repeats'),
  bench('events', 0.2, 'the median of 5 repeats'),
  { script: 'test:fairness', options: '', minutes: 6, each: 'percentiles of 40 samples' },
  bench('latency', 4, 'percentiles of 20 and 50 files'),
  bench('catalog', 0.5),
  bench('sql', 4, 'percentiles of 100 samples'),
  bench('authentication', 0.5, 'medians of 2,500 requests'),
  bench('limits', 1),
  bench('export', 0.5),
  bench('cold-start', 0.5, 'each figure the median of 10 processes'),
  bench('split', 0.6, 'each figure the median of 3 repeats'),
  bench('memory', 8, 'the most that one file of each kind took'),
  { script: 'load', options: '', minutes: 7, each: 'percentiles of all requests of a minute' },
];

const severalRuns = 3;

/** @param repeats as asked for, for every command alike; without it one run where that is as good as several */
export const runsOf = ({ each }: MeasuringCommand, repeats: number | undefined): number =>
  repeats ?? (each === undefined ? severalRuns : 1);

/** As it is typed. */
export const typed = ({ script, options }: MeasuringCommand): string =>
  `npm run ${script}${options && ` -- ${options}`}`;

const shortName = ({ script }: MeasuringCommand): string => script.replace(/^(bench|test):/, '');

/** Of its plot; also what `--only` and `--from` call this command alone, where several share a script. */
export const fileName = (command: MeasuringCommand): string =>
  [shortName(command), ...command.options.split(/\W+/)].filter(Boolean).join('-');

/** Whether `--only` and `--from` mean it by this: all commands of a script have its name, and each its own. */
const isCalled = (command: MeasuringCommand, name: string): boolean =>
  shortName(command) === name || fileName(command) === name;

/**
 * @param only names, with commas between them
 * @param from the name of the first: those before it are left out
 * @throws where a name is none of a command
 */
export function chooseCommands(only?: string, from?: string): readonly MeasuringCommand[] {
  const names = only?.split(',');
  const unknown = [...(names ?? []), ...(from === undefined ? [] : [from])].filter(
    (name) => !measuringCommands.some((command) => isCalled(command, name)),
  );
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}; there are ${measuringCommands.map(fileName).join(', ')}.`);
  const first = from === undefined ? 0 : measuringCommands.findIndex((command) => isCalled(command, from));
  return measuringCommands
    .slice(first)
    .filter((command) => names === undefined || names.some((name) => isCalled(command, name)));
}
