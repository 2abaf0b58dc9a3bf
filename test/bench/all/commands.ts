/** A command that makes figures of docs/benchmarks.md: it ends by itself and tells each figure by `report`. */
export interface MeasuringCommand {
  /** Of package.json. */
  readonly script: string;
  readonly options: string;
  /** What one run takes on two cores, roughly, with what it prepares. */
  readonly minutes: number;
}

const bench = (name: string, minutes: number, options = ''): MeasuringCommand => ({
  ...{ script: `bench:${name}`, options, minutes },
});

/** In the order of the document. */
export const measuringCommands: readonly MeasuringCommand[] = [
  bench('search', 9),
  bench('clients', 3),
  bench('growth', 9),
  bench('search-recall', 2),
  bench('search-recall', 6, '--rows 100000'),
  { script: 'test:retrieval', options: '', minutes: 4 },
  bench('ingest-load', 3),
  bench('ingest', 8),
  bench('events', 1),
  { script: 'test:fairness', options: '', minutes: 5 },
  bench('latency', 5),
  bench('catalog', 1),
  bench('sql', 4),
  bench('authentication', 1),
  bench('limits', 2),
  bench('export', 3),
  bench('cold-start', 2),
  bench('split', 2),
  bench('memory', 20),
  { script: 'load', options: '', minutes: 7 },
];

/** As it is typed. */
export const typed = ({ script, options }: MeasuringCommand): string =>
  `npm run ${script}${options && ` -- ${options}`}`;

/** How `--only` calls it. */
const shortName = ({ script }: MeasuringCommand): string => script.replace(/^(bench|test):/, '');

/** Of its plot. */
export const fileName = (command: MeasuringCommand): string =>
  [shortName(command), ...command.options.split(/\W+/)].filter(Boolean).join('-');

/** @throws where `only` names what there is not */
export function chooseCommands(only: string | undefined): readonly MeasuringCommand[] {
  if (only === undefined) return measuringCommands;
  const names = only.split(',');
  const known = [...new Set(measuringCommands.map(shortName))];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  return measuringCommands.filter((command) => names.includes(shortName(command)));
}
