import { textsOf, unwrap } from './names.ts';
import type { Tree } from './parser.ts';
import { Refusal } from './refusal.ts';

/** A text that a function makes longer: enough for a bar in a chart, far from what hurts. */
const longestText = 1_000;
/** All repetitions of a statement, multiplied: one repeats what another has made. */
const mostRepetitions = 10_000;
const largestFactorial = 1_000;
const mostSeriesRows = 1_000_000;
const widestField = 1_000;

/** How many times the texts of one statement are repeated in all. */
export class Repetitions {
  private product = 1;

  multiply(times: number): void {
    this.product *= Math.max(1, times);
    if (this.product <= mostRepetitions) return;
    throw new Refusal(
      'constant',
      `All that repeat() and its like make in one statement is ${mostRepetitions} times as long at most.`,
    );
  }
}

/**
 * Holds the functions that make much of little to constants.
 * @throws Refusal `constant`
 */
export function checkBounds(name: string, args: readonly unknown[], repetitions: Repetitions): void {
  if (name === 'repeat') repetitions.multiply(boundedBy(name, args[1], longestText));
  else if (name === 'lpad' || name === 'rpad') boundedBy(name, args[1], longestText);
  else if (name === 'factorial') boundedBy(name, args[0], largestFactorial);
  else if (name === 'generate_series') checkSeries(args);
  else if (name === 'format') checkFormat(args[0]);
}

function boundedBy(name: string, argument: unknown, most: number): number {
  const bound = upperBound(argument);
  if (bound !== null && bound <= most) return bound;
  throw new Refusal(
    'constant',
    `The length that ${name}() is given must be at most ${most}: write a number, or least(…, ${most}).`,
  );
}

/** An upper bound of an integer expression; null if there is none to be seen. */
function upperBound(expression: unknown): number | null {
  const [type, node] = unwrap(expression);
  if (type === 'A_Const') return constant(node);
  if (type === 'TypeCast') return upperBound(node.arg);
  if (type === 'CoalesceExpr') return worst(node.args, Math.max);
  if (type !== 'MinMaxExpr') return null;
  return node.op === 'IS_LEAST' ? best(node.args) : worst(node.args, Math.max);
}

function best(args: unknown): number | null {
  const known = ((args ?? []) as unknown[]).map(upperBound).filter((bound) => bound !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function worst(args: unknown, of: (...bounds: number[]) => number): number | null {
  const bounds = ((args ?? []) as unknown[]).map(upperBound);
  return bounds.some((bound) => bound === null) ? null : of(...(bounds as number[]));
}

function constant(node: Tree): number | null {
  if (node.ival) return Number((node.ival as Tree).ival ?? 0);
  const text = (node.fval as Tree | undefined)?.fval ?? (node.sval as Tree | undefined)?.sval;
  if (typeof text !== 'string' || text.trim() === '') return null;
  const number = Number(text);
  return Number.isNaN(number) ? null : number;
}

/** A series in FROM is written out before anything of it is left out, so its constants say how large it may get. */
function checkSeries([from, to, step]: readonly unknown[]): void {
  const rows = seriesRows(from, to, step);
  if (rows === null || rows <= mostSeriesRows) return;
  throw new Refusal(
    'constant',
    `generate_series() makes ${mostSeriesRows} rows at most; take a larger step or a shorter range.`,
  );
}

function seriesRows(from: unknown, to: unknown, step: unknown): number | null {
  const [start, end] = [value(from), value(to)];
  const by = step === undefined ? 1 : value(step);
  if (start === null || end === null) return null;
  if (typeof start === 'number' && typeof end === 'number') {
    return typeof by === 'number' && by !== 0 ? Math.abs(end - start) / Math.abs(by) : null;
  }
  const seconds = typeof by === 'string' ? intervalSeconds(by) : null;
  const range = (Date.parse(String(end)) - Date.parse(String(start))) / 1_000;
  return seconds && !Number.isNaN(range) ? Math.abs(range) / seconds : null;
}

function value(expression: unknown): number | string | null {
  const [type, node] = unwrap(expression);
  if (type === 'TypeCast') return value(node.arg);
  if (type === 'A_Expr') return computed(textsOf(node.name)[0] ?? '', value(node.lexpr ?? zero), value(node.rexpr));
  if (type === 'FuncCall' && /^pow(er)?$/.test(textsOf(node.funcname).at(-1) ?? '')) {
    const [base, exponent] = (node.args ?? []) as unknown[];
    return computed('^', value(base), value(exponent));
  }
  if (type !== 'A_Const') return null;
  const text = (node.sval as Tree | undefined)?.sval;
  return constant(node) ?? (typeof text === 'string' ? text : null);
}

/** For a minus with nothing before it. */
const zero = { A_Const: { ival: {} } };

/** The server's value of a constant expression; null if it cannot be determined. */
function computed(operator: string, one: number | string | null, other: number | string | null): number | null {
  if (typeof one !== 'number' || typeof other !== 'number') return null;
  if (operator === '+') return one + other;
  if (operator === '-') return one - other;
  if (operator === '*') return one * other;
  if (operator === '/') return one / other;
  return operator === '^' ? one ** other : null;
}

const secondsOf: Readonly<Record<string, number>> = {
  microsecond: 1e-6,
  millisecond: 1e-3,
  second: 1,
  sec: 1,
  s: 1,
  minute: 60,
  min: 60,
  m: 60,
  hour: 3_600,
  h: 3_600,
  day: 86_400,
  d: 86_400,
};

/** Only of what is shorter than a month: longer steps make few rows. */
function intervalSeconds(text: string): number | null {
  const [, count, unit = ''] = /^\s*(\d*\.?\d*)\s*([a-z]+?)s?\s*$/i.exec(text) ?? [];
  const seconds = secondsOf[unit.toLowerCase()];
  return seconds === undefined ? null : Number(count || 1) * seconds;
}

/** `%1000000000s` writes a gigabyte. */
function checkFormat(argument: unknown): void {
  const [, node] = unwrap(argument);
  const text = (node.sval as Tree | undefined)?.sval;
  if (typeof text !== 'string') {
    throw new Refusal('constant', 'The first argument of format() must be a text that stands in the statement.');
  }
  const widths = [...text.matchAll(/%(?:\d+\$)?-?(\d+|\*)/g)].map(([, width]) => Number(width));
  if (widths.every((width) => width <= widestField)) return;
  throw new Refusal(
    'constant',
    `A field of format() is ${widestField} characters wide at most, and its width a number.`,
  );
}
