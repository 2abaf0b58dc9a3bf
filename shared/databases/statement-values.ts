/** A cell as a JSON value. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Types by their numbers in pg_catalog, which never change. */
const booleanType = 16;
const integerTypes = new Set([21, 23, 26]);
const floatTypes = new Set([700, 701]);
const jsonTypes = new Set([114, 3802]);

/** Element types by array type. Arrays of other types are returned in Postgres' text form. */
const elementOf: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [1009, 25],
  [1015, 1043],
  [1014, 1042],
  [1003, 19],
  [1182, 1082],
  [1183, 1083],
  [1115, 1114],
  [1185, 1184],
  [1187, 1186],
  [2951, 2950],
  [199, 114],
  [3807, 3802],
]);

/**
 * A cell in the text form of Postgres as a JSON value. What a JSON number cannot hold exactly (int8, numeric, NaN, infinities) and what
 * JSON does not know (days, intervals, bytes) stays the text that Postgres writes, so nothing is rounded and nothing fails.
 *
 * @param type the number of its type
 */
export function toJsonValue(text: string | null, type: number): JsonValue {
  if (text === null) return null;
  if (type === booleanType) return text === 't';
  if (integerTypes.has(type)) return Number(text);
  if (floatTypes.has(type)) return finiteOr(text);
  if (jsonTypes.has(type)) return parseJson(text);
  const element = elementOf.get(type);
  return element === undefined ? text : parseArray(text, element);
}

function finiteOr(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Numbers that a double cannot hold stay as they are written; what is nested deeper than can be read stays a text. */
function parseJson(text: string): JsonValue {
  const exact: Reviver = (_, value, { source }) =>
    typeof value === 'number' && !isExact(value, source ?? '') ? source : value;
  try {
    return JSON.parse(text, exact as (key: string, value: unknown) => unknown) as JsonValue;
  } catch {
    return text;
  }
}

const safeDigits = 15;

function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  const digits = source
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '').length;
  return digits <= safeDigits || (Number.isSafeInteger(value) && String(value) === source);
}

/** `{1,NULL,{"a b"}}`, with bounds before it where they are unusual. */
function parseArray(text: string, element: number): JsonValue {
  const begin = text.indexOf('{');
  const reader = new ArrayReader(text, begin, element);
  return begin < 0 ? text : (reader.read() ?? text);
}

class ArrayReader {
  private readonly text: string;
  private readonly element: number;
  private at: number;

  constructor(text: string, at: number, element: number) {
    this.text = text;
    this.at = at;
    this.element = element;
  }

  /** @returns null when the text is no array after all */
  read(): JsonValue[] | null {
    const items: JsonValue[] = [];
    this.at += 1;
    if (this.text[this.at] === '}') {
      this.at += 1;
      return items;
    }
    while (this.at < this.text.length) {
      const item = this.readItem();
      if (item === undefined) return null;
      items.push(item);
      const after = this.text[this.at++];
      if (after === '}') return items;
      if (after !== ',') return null;
    }
    return null;
  }

  private readItem(): JsonValue | undefined {
    const first = this.text[this.at];
    if (first === '{') return this.read() ?? undefined;
    if (first === '"') return this.readQuoted();
    const end = this.text.slice(this.at).search(/[,}]/);
    if (end < 0) return undefined;
    const plain = this.text.slice(this.at, this.at + end);
    this.at += end;
    return plain === 'NULL' ? null : toJsonValue(plain, this.element);
  }

  private readQuoted(): JsonValue | undefined {
    let value = '';
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const character = this.text[this.at];
      if (character === '"') {
        this.at += 1;
        return toJsonValue(value, this.element);
      }
      value += character === '\\' ? this.text[++this.at] : character;
    }
    return undefined;
  }
}
