import { validationFailed } from '../core/errors.ts';
import { tryParsePublicId } from '../core/ids.ts';

export type FilterValue = string | number | boolean;

/** A search filter in OpenAI's vector-store form, as the contract parsed it. */
export type Filter =
  | { readonly type: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'; readonly key: string; readonly value: FilterValue }
  | { readonly type: 'in' | 'nin'; readonly key: string; readonly value: readonly FilterValue[] }
  | { readonly type: 'and' | 'or'; readonly filters: readonly Filter[] };

const columns = new Set(['document_id', 'name', 'source_uri', 'content_type', 'created_at']);
const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
// Deeper or longer than any person writes; Postgres would spend its stack and our time on it.
const deepest = 8;
const mostConditions = 100;

/**
 * The filter as one `jsonpath` predicate over `documents.attributes`: `attributes @@ $n::jsonpath`. Equality is answered by the
 * GIN index, the rest is checked row by row. A metadata member that is a list matches when one of its elements does. `ne` and
 * `nin` are true of documents that lack the key.
 * @throws validation_failed with pointers below `/filter`
 */
export function compileFilter(filter: Filter): string {
  let conditions = 0;
  const compile = (part: Filter, pointer: string, depth: number): string => {
    if ('key' in part && !isText(part.key)) throw invalid(`${pointer}/key`, notText);
    if (depth > deepest) throw invalid(pointer, `nested deeper than ${deepest}`);
    if (++conditions > mostConditions) throw invalid('/filter', `more than ${mostConditions} conditions`);
    switch (part.type) {
      case 'and':
      case 'or':
        return combine(
          part.filters.map((each, index) => compile(each, `${pointer}/filters/${index}`, depth + 1)),
          part.type,
        );
      case 'in':
      case 'nin': {
        const any = combine(
          part.value.map((value, index) => equality(part.key, value, `${pointer}/value/${index}`)),
          'or',
        );
        return part.type === 'in' ? any : negation(any);
      }
      case 'eq':
        return equality(part.key, part.value, `${pointer}/value`);
      case 'ne':
        return negation(equality(part.key, part.value, `${pointer}/value`));
      default:
        return `(${path(part.key)} ${operators[part.type]} ${literal(part.key, part.value, `${pointer}/value`)})`;
    }
  };
  return compile(filter, '/filter', 1);
}

function combine(parts: readonly string[], type: 'and' | 'or'): string {
  // jsonpath has no literal predicate. No condition at all is met by everything, one of none by nothing.
  if (parts.length === 0) return type === 'and' ? '(1 == 1)' : '(1 == 0)';
  return `(${parts.join(type === 'and' ? ' && ' : ' || ')})`;
}

/** A comparison of different types is `unknown` in jsonpath, and so is its negation: for a filter it is simply not equal. */
const negation = (predicate: string): string => `(!(${predicate}) || ((${predicate}) is unknown))`;

const equality = (key: string, value: FilterValue, pointer: string): string =>
  `(${path(key)} == ${literal(key, value, pointer)})`;

const path = (key: string): string => (columns.has(key) ? `$.${key}` : `$.metadata.${JSON.stringify(key)}`);

/** JSON's strings, numbers and booleans are jsonpath's too: what JSON.stringify quotes cannot end a literal. */
function literal(key: string, value: FilterValue, pointer: string): string {
  if (key === 'created_at') return String(secondsOf(value, pointer));
  if (key === 'document_id' && typeof value === 'string')
    return JSON.stringify(tryParsePublicId('document', value) ?? value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(pointer, 'not a finite number');
  if (typeof value === 'string' && !isText(value)) throw invalid(pointer, notText);
  return JSON.stringify(value);
}

function secondsOf(value: FilterValue, pointer: string): number {
  const seconds = typeof value === 'string' ? Date.parse(value) / 1000 : value;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds))
    throw invalid(pointer, 'neither a date nor seconds since 1970');
  return seconds;
}

// Postgres has neither in a text, and no jsonpath can name them.
const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
const notText = 'holds a NUL or half of a surrogate pair';

const invalid = (pointer: string, detail: string) => validationFailed([{ pointer, detail }]);
