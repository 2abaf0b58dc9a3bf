/** An event pattern of EventBridge: every field that it names must match. */
export type EventPattern = Readonly<Record<string, unknown>>;

type Filter = (value: unknown) => boolean;

/** Makes a test of a pattern. Throws for a filter that it does not know: ignoring it would deliver too much. */
export function compilePattern(pattern: EventPattern): (event: Readonly<Record<string, unknown>>) => boolean {
  const tests = Object.entries(pattern).map(
    ([name, wanted]): ((event: Readonly<Record<string, unknown>>) => boolean) => {
      if (Array.isArray(wanted)) {
        const filters = wanted.map(compileFilter);
        return (event) => {
          const values = valuesOf(event[name]);
          return filters.some((filter) => values.some(filter));
        };
      }
      if (typeof wanted !== 'object' || wanted === null || name.startsWith('$')) {
        throw new Error(`The event pattern's ${name} is not understood`);
      }
      const inner = compilePattern(wanted as EventPattern);
      return (event) => typeof event[name] === 'object' && event[name] !== null && inner(event[name] as EventPattern);
    },
  );
  return (event) => tests.every((test) => test(event));
}

/** A list in an event matches by any of its elements; an absent field is one absent value. */
function valuesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function compileFilter(filter: unknown): Filter {
  if (typeof filter !== 'object' || filter === null) return (value) => value === filter;
  const [[name, wanted] = [], ...others] = Object.entries(filter);
  const compile = others.length === 0 && name !== undefined ? filters[name] : undefined;
  if (compile === undefined) throw new Error(`The event pattern's filter ${JSON.stringify(filter)} is not known`);
  return compile(wanted);
}

const onText =
  (test: (value: string, wanted: string) => boolean) =>
  (wanted: unknown): Filter =>
  (value) =>
    typeof value === 'string' && test(value, String(wanted));

const filters: Readonly<Record<string, (wanted: unknown) => Filter>> = {
  prefix: onText((value, wanted) => value.startsWith(wanted)),
  suffix: onText((value, wanted) => value.endsWith(wanted)),
  'equals-ignore-case': onText((value, wanted) => value.toLowerCase() === wanted.toLowerCase()),
  exists: (wanted) => (value) => (value !== undefined) === wanted,
  'anything-but': (wanted) => {
    const refused = [wanted].flat().map(compileFilter);
    return (value) => value !== undefined && !refused.some((filter) => filter(value));
  },
  numeric: compileNumeric,
};

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

/** `[">", 0, "<=", 5]`. */
function compileNumeric(wanted: unknown): Filter {
  const terms = Array.isArray(wanted) ? wanted : [];
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < terms.length; at += 2) {
    const compare = comparisons[String(terms[at])];
    const bound = Number(terms[at + 1]);
    if (compare === undefined || Number.isNaN(bound)) throw new Error(`numeric ${JSON.stringify(wanted)} is not known`);
    tests.push((value) => compare(value, bound));
  }
  if (tests.length === 0) throw new Error('numeric needs a comparison');
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}
