/** One line of a bench, as `report` has it. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Undefined for what is only told. */
  readonly bar: string | undefined;
}

/** The figures that a bench has written, a JSON object a line. */
export function readFigures(written: string): Figure[] {
  return written
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ bar: undefined, ...(JSON.parse(line) as Omit<Figure, 'bar'> & { bar?: string }) }));
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

const comparison = /(<=|>=|<|>) (-?\d+(?:\.\d+)?)/;

export interface Bar {
  readonly value: number;
  readonly bar: number;
  readonly most: boolean;
  readonly met: boolean;
}

/** A figure against its bar; undefined where the two cannot be compared without doubt (several numbers, no bar). */
export function againstBar({ value, bar }: Figure): Bar | undefined {
  const [, sign, limit] = comparison.exec(bar ?? '') ?? [];
  const numbers = value.match(number) ?? [];
  const chosen = numbers.length === 1 || bar?.startsWith('p95') ? numbers.at(-1) : undefined;
  if (sign === undefined || chosen === undefined) return undefined;
  const [measured, held] = [Number(chosen), Number(limit)];
  const met = { '<=': measured <= held, '>=': measured >= held, '<': measured < held, '>': measured > held }[sign];
  return { value: measured, bar: held, most: sign.startsWith('<'), met: met ?? false };
}
