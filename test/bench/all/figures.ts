/** One line of a bench, as `report` has it. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Undefined for what is only told. */
  readonly bar: string | undefined;
  /** Whether the bar was met; undefined without one. Of several runs, whether more than half of them met it. */
  readonly met: boolean | undefined;
}

/** The figures that a bench has written, a JSON object a line. */
export function readFigures(written: string): Figure[] {
  return written
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ bar: undefined, met: undefined, ...(JSON.parse(line) as Pick<Figure, 'name' | 'value'>) }));
}

const number = /-?\d+(?:\.\d+)?/g;

/** Number by number the median of several runs; the words of the first. Where runs say different things, the first run's line. */
export function medianOf(values: readonly string[]): string {
  const parts = values.map((value) => value.match(number) ?? []);
  const [first = ''] = values;
  if (parts.some((each) => each.length !== parts[0]?.length)) return first;
  let position = 0;
  return first.replace(number, (text) => {
    const sorted = parts.map((each) => Number(each[position])).sort((left, right) => left - right);
    position += 1;
    return (sorted[Math.floor((sorted.length - 1) / 2)] as number).toFixed(text.split('.')[1]?.length ?? 0);
  });
}

/**
 * The figures of several runs as one. A name that comes several times in a run (a bench that tells the same of several shapes) is another
 * figure each time.
 */
export function medianFigures(runs: readonly (readonly Figure[])[]): Figure[] {
  const numbered = runs.map((figures) => {
    const seen = new Map<string, number>();
    return new Map(
      figures.map((figure) => {
        const time = seen.get(figure.name) ?? 0;
        seen.set(figure.name, time + 1);
        return [`${time} ${figure.name}`, figure] as const;
      }),
    );
  });
  return [...(numbered[0] ?? [])].map(([key, figure]) => {
    const all = numbered.flatMap((run) => run.get(key) ?? []);
    const value = medianOf(all.map((each) => each.value));
    const met = figure.bar === undefined ? undefined : all.filter((each) => each.met).length * 2 > all.length;
    return { ...figure, value, met };
  });
}

const comparison = /(<=|>=|<|>) (-?\d+(?:[.,]\d+)?)/;

export interface Bar {
  readonly value: number;
  readonly bar: number;
  readonly most: boolean;
}

/** A figure against its bar; undefined where the two cannot be compared without doubt (several numbers, no bar). */
export function againstBar({ value, bar }: Figure): Bar | undefined {
  const [, sign, limit] = comparison.exec(bar ?? '') ?? [];
  // In brackets stand the single runs, or something else beside the figure.
  const numbers = value.replace(/\(.*\)/, '').match(number) ?? [];
  const chosen = numbers.length === 1 || bar?.startsWith('p95') ? numbers.at(-1) : undefined;
  if (sign === undefined || chosen === undefined) return undefined;
  return { value: Number(chosen), bar: Number(limit), most: sign.startsWith('<') };
}
