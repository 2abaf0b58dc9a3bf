import type { Span } from './quote.ts';

/** A sentence must share this part of what a statement says, in words weighted by their length. */
const leastShared = 0.5;
/** Longer passages than this are no quotes. */
const longestQuote = 400;

const word = /\p{N}+(?:[.,]\p{N}+)*|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{M}]+/gu;
const number = /^\p{N}/u;
const small = new Set(
  'a an and are as at be by for from has have in is it its of on or that the their there this to was were which will with'.split(
    ' ',
  ),
);

/**
 * The sentence of a text that says what a statement says, for models that cite without quoting: one that shares at least half of
 * the statement's words, and all of its numbers. It is verbatim by construction; whether it supports the statement is judged by its
 * words alone, so in doubt there is none.
 */
export function supportingSentence(text: string, statement: string): Span | undefined {
  const wanted = wordsOf(statement);
  const total = weightOf(wanted);
  if (total === 0) return undefined;
  let best: { span: Span; shared: number } | undefined;
  for (const span of sentencesOf(text)) {
    const found = wordsOf(text.slice(span.start, span.end));
    if ([...wanted].some((one) => number.test(one) && !found.has(one))) continue;
    const shared = weightOf(new Set([...wanted].filter((one) => found.has(one)))) / total;
    if (shared >= leastShared && shared > (best?.shared ?? 0)) best = { span, shared };
  }
  return best?.span;
}

function weightOf(words: ReadonlySet<string>): number {
  let sum = 0;
  for (const one of words) sum += Math.min(8, one.length);
  return sum;
}

function wordsOf(text: string): Set<string> {
  const words = new Set<string>();
  for (const [found] of text.toLowerCase().matchAll(word)) {
    if (!small.has(found)) words.add(number.test(found) ? found.replace(/[.,]$/, '') : stemOf(found));
  }
  return words;
}

/** Endings that a model changes when it puts a sentence into its own words. */
function stemOf(text: string): string {
  return text.length > 4 ? text.replace(/(?:ing|ed|es|s)$/, '') : text;
}

function* sentencesOf(text: string): Generator<Span> {
  const sentence = /[^\n.!?。！？]+(?:[.!?](?!\s|$)[^\n.!?。！？]*)*[.!?。！？]*/gu;
  for (const match of text.matchAll(sentence)) {
    const trimmed = match[0].trim();
    if (trimmed === '') continue;
    const start = match.index + match[0].indexOf(trimmed);
    yield { start, end: start + Math.min(trimmed.length, longestQuote) };
  }
}
