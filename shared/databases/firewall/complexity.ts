import { Refusal } from './refusal.ts';

/** Each may add a level to the tree. Nobody writes that many by hand, but a model that repeats itself does. */
const mostOperators = 800;
const mostLevels = 400;

const literals = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*/g;
const operators = /[-+*/%<>=~!@#&|^]/g;
const levels = /\b(?:not|union|except|intersect|select|case)\b/gi;

/**
 * Refuses before it is parsed what would be nested by the thousand: reading such a tree takes a tenth of a second. A guess by the
 * look of the text, which only ever refuses.
 */
export function checkComplexity(sql: string): void {
  const text = sql.replace(literals, ' ');
  if (countOf(text, operators) <= mostOperators && countOf(text, levels) <= mostLevels) return;
  throw new Refusal(
    'depth',
    `A statement has ${mostOperators} operators and ${mostLevels} parts at most; write a shorter one.`,
  );
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
