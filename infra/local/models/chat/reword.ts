import { stem, wordsOf, wordWeight } from '../embedding/words.ts';

const REFERS = /\b(it|its|they|them|their|this|that|these|those|he|him|his|she|her|one|there|then)\b/gi;
const ASKS = /\s*(?:[,;]\s*)?\band\s+(?=(?:what|how|when|who|where|which|why|is|are|does|do|can)\b)/i;
/** A question this short leaves out what it is about. */
const FEW_WORDS = 3;

/** The questions inside a question: one a line. */
export function splitQuestion(question: string): string {
  return question
    .split(/(?<=[?？])\s+/)
    .flatMap((part) => part.split(ASKS))
    .map((part) => part.trim().replace(/[?.,;]*$/, ''))
    .filter((part) => part !== '')
    .map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1)}?`)
    .join('\n');
}

/**
 * A follow-up with what it leaves out: the telling words of the question before it are put behind it, where it refers back or is too
 * short to say anything by itself.
 */
export function rewriteQuestion(question: string, earlier: readonly string[]): string {
  const before = earlier.at(-1);
  if (before === undefined || !leansOn(question)) return question;
  const own = new Set(wordsOf(question).map(stem));
  const missing = wordsOf(before).filter((word) => wordWeight(word) >= 0.5 && !own.has(stem(word)));
  if (missing.length === 0) return question;
  return `${question.replace(/[?？.\s]*$/, '')} (${[...new Set(missing)].join(' ')})?`;
}

function leansOn(question: string): boolean {
  REFERS.lastIndex = 0;
  return REFERS.test(question) || wordsOf(question).filter((word) => wordWeight(word) >= 0.5).length <= FEW_WORDS;
}
