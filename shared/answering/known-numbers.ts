import { cellText, type QueryResult } from './query-result.ts';

/** A number in a text, and how it may be meant. */
interface ReadNumber {
  /** Plain decimals without sign: `1,234` may be 1234 and 1.234. */
  readonly readings: readonly string[];
  readonly scale: number;
  readonly isPercent: boolean;
}

/** A number as people write it, with its scale. Digits attached to letters (`Q3`, `v2`) are names. */
export const writtenNumber =
  /(?<![\p{L}\p{N}_])\d+(?:[.,'’\u00a0\u202f]\d+)*(?:\s?%|\s?(?:percent|thousand|million|billion|bn|k|m)(?![\p{L}\p{N}]))?/giu;

const scales: Readonly<Record<string, number>> = {
  k: 1e3,
  thousand: 1e3,
  m: 1e6,
  million: 1e6,
  bn: 1e9,
  billion: 1e9,
};

/** Above this many digits a double does not tell neighbours apart. */
const safeDigits = 15;
/** A rounded number says this many digits at least, or it could stand for anything. */
const leastDigits = 2;

/** Numbers that are known to be so, and where each comes from. Compared without sign: "fell by 5" is -5. */
export class KnownNumbers {
  /** Plain decimal → as it stands in its source. */
  private readonly exact = new Map<string, string>();

  /** Every number of a text. */
  addText(text: string): void {
    for (const [written] of text.matchAll(writtenNumber))
      for (const reading of readNumber(written).readings) this.add(reading, written);
    // Dates and times are parts; their zeros are not always said.
    for (const [part] of text.matchAll(/\d+/g)) this.add(plain(part), part);
  }

  /** The numbers of a result: its cells, how many rows there are, and the sum and the mean of each column of numbers. */
  addResult({ rows, columns, truncated }: QueryResult): void {
    for (const row of rows)
      for (const cell of row) {
        const text = cellText(cell);
        const decimal = decimalOf(text);
        if (decimal === undefined) this.addText(text);
        else this.add(decimal, text);
      }
    if (truncated) return;
    this.add(String(rows.length), String(rows.length));
    if (rows.length < 2) return;
    for (const at of columns.keys()) {
      const numbers = rows.map((row) =>
        Number(decimalOf(cellText(row[at] ?? null)) === undefined ? Number.NaN : row[at]),
      );
      if (numbers.some((number) => !Number.isFinite(number))) continue;
      const sum = numbers.reduce((total, number) => total + number, 0);
      for (const derived of [sum, sum / numbers.length]) {
        const text = String(Number(derived.toPrecision(safeDigits)));
        const decimal = decimalOf(text);
        if (decimal !== undefined) this.add(decimal, text);
      }
    }
  }

  /** @returns the number as its source has it; undefined when it is not known */
  find(written: string): string | undefined {
    const number = readNumber(written);
    for (const reading of number.readings) {
      if (number.scale === 1) {
        const same = this.exact.get(reading);
        if (same !== undefined) return same;
      }
    }
    for (const reading of number.readings) {
      const near = this.rounded(reading, number);
      if (near !== undefined) return near;
    }
    return undefined;
  }

  private add(decimal: string, source: string): void {
    if (!this.exact.has(decimal)) this.exact.set(decimal, source);
  }

  /** The known number of which it is the rounded form, or the form in percent or in millions. */
  private rounded(reading: string, { scale, isPercent }: ReadNumber): string | undefined {
    const digits = reading.replace('.', '').replace(/^0+/, '').length;
    if (digits > safeDigits || (digits < leastDigits && scale === 1 && !isPercent)) return undefined;
    const decimals = (reading.split('.')[1] ?? '').length;
    const value = Number(reading);
    for (const [decimal, source] of this.exact) {
      const known = Number(decimal);
      const candidates = isPercent ? [known, known * 100] : [known / scale];
      const hasMore = scale !== 1 || isPercent || (decimal.split('.')[1] ?? '').length > decimals;
      if (hasMore && candidates.some((each) => roundTo(each, decimals) === value)) return source;
    }
    return undefined;
  }
}

function roundTo(value: number, decimals: number): number {
  return Number(value.toFixed(Math.min(decimals, 20)));
}

/** A cell that is nothing but a number. */
function decimalOf(text: string): string | undefined {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return plain(text.replace('-', ''));
  const number = /^-?\d+(?:\.\d+)?e[+-]?\d+$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number)
    ? plain(Math.abs(number).toLocaleString('en', { useGrouping: false, maximumFractionDigits: 20 }))
    : undefined;
}

/** Without zeros that say nothing. */
function plain(decimal: string): string {
  const [whole = '', fraction = ''] = decimal.split('.');
  const kept = fraction.replace(/0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${kept === '' ? '' : `.${kept}`}`;
}

function readNumber(written: string): ReadNumber {
  const [, digits = '', unit = ''] = /^(\d+(?:[.,'’\u00a0\u202f]\d+)*)\s?(%|[a-z]*)$/iu.exec(written) ?? [];
  const word = unit.toLowerCase();
  return {
    readings: [...new Set(readingsOf(digits).map(plain))],
    scale: scales[word] ?? 1,
    isPercent: word === '%' || word === 'percent',
  };
}

/** The last separator may start the fraction or group thousands; only its position and kind can tell which. */
function readingsOf(digits: string): string[] {
  const separators = [...digits.matchAll(/[.,'’\u00a0\u202f]/gu)];
  const last = separators.at(-1);
  if (!last) return [digits];
  const grouped = digits.replace(/[.,'’\u00a0\u202f]/gu, '');
  const after = digits.length - last.index - 1;
  const isOnlyOne = separators.filter(([each]) => each === last[0]).length === 1;
  const readings: string[] = [];
  if (/[.,]/.test(last[0]) && isOnlyOne)
    readings.push(`${digits.slice(0, last.index).replace(/\D/g, '')}.${digits.slice(last.index + 1)}`);
  if (after === 3) readings.push(grouped);
  return readings.length > 0 ? readings : [grouped];
}
