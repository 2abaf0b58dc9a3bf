import { stem, wordsOf, wordWeight } from '../embedding/words.ts';
import type { Prompt } from './sources.ts';

const MAX_SENTENCES = 3;
/** A sentence must hold this share of the question's weight … */
const MIN_COVERAGE = 0.3;
/** … and this share of what the best sentence holds. */
const MIN_OF_BEST = 0.6;
const MAX_SENTENCE_LENGTH = 600;

export const NO_ANSWER = 'The sources do not answer this question.';

interface Sentence {
  readonly text: string;
  readonly mark: string;
  readonly stems: ReadonlySet<string>;
}

interface ScoredSentence extends Sentence {
  readonly score: number;
}

/** The sentences of the sources that share most of the question's words, each with its mark; rare words count more. */
export function extractiveAnswer({ sources, question }: Prompt): string {
  const sentences = sources.flatMap(({ mark, text }) =>
    sentencesOf(text).map((sentence) => toSentence(sentence, mark)),
  );
  const weights = questionWeights(question, sentences);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return NO_ANSWER;
  const scored = sentences
    .map((sentence) => ({ ...sentence, score: coverage(sentence, weights) / total }))
    .sort((left, right) => right.score - left.score);
  const best = scored[0]?.score ?? 0;
  const chosen = distinct(scored.filter(({ score }) => score >= MIN_COVERAGE && score >= best * MIN_OF_BEST));
  return chosen.length === 0 ? NO_ANSWER : chosen.slice(0, MAX_SENTENCES).map(cited).join(' ');
}

function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?。！？])\s+|\n+/)
    .map((sentence) => sentence.replace(/^[#>*\-\s]+/, '').trim())
    .filter((sentence) => sentence.length > 0)
    .map((sentence) => sentence.slice(0, MAX_SENTENCE_LENGTH));
}

function toSentence(text: string, mark: string): Sentence {
  return { text, mark, stems: new Set(wordsOf(text).map(stem)) };
}

/** Inverse sentence frequency of the question's words; words of no sentence count in full, so a miss lowers the share. */
function questionWeights(question: string, sentences: readonly Sentence[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const word of wordsOf(question)) {
    const stemmed = stem(word);
    if (weights.has(stemmed) || wordWeight(word) < 0.1) continue;
    const holding = sentences.filter(({ stems }) => stems.has(stemmed)).length;
    weights.set(stemmed, wordWeight(word) * Math.log(1 + (sentences.length + 1) / (holding + 0.5)));
  }
  return weights;
}

function coverage({ stems }: Sentence, weights: ReadonlyMap<string, number>): number {
  let covered = 0;
  for (const [word, weight] of weights) if (stems.has(word)) covered += weight;
  return covered;
}

function distinct(sentences: readonly ScoredSentence[]): ScoredSentence[] {
  const seen = new Set<string>();
  return sentences.filter(({ text }) => !seen.has(text) && seen.add(text));
}

function cited({ text, mark }: Sentence): string {
  const closed = /[.!?。！？]$/.test(text);
  return closed ? `${text.slice(0, -1)} [${mark}]${text.slice(-1)}` : `${text} [${mark}].`;
}
