import { stem, wordsOf, wordWeight } from '../embedding/words.ts';
import type { Prompt, Source } from './sources.ts';

const MAX_SENTENCES = 3;
/** The best sentence must hold this share of the question's weight … */
const MIN_COVERAGE = 0.4;
/** … and each further one this share that no sentence before it held, or nearly as much as the best. */
const MIN_GAIN = 0.15;
const MIN_OF_BEST = 0.75;
/** Rows that tell more of a question than the rest of this share leave the documents nothing to say. */
const MIN_OPEN = 0.5;
const MAX_SENTENCE_LENGTH = 600;

const NO_ANSWER = 'The sources do not answer this question.';

interface Sentence {
  readonly text: string;
  readonly mark: string;
  readonly stems: ReadonlySet<string>;
}

/** One answer to the question, or to each of the parts that it was split into. */
export function extractiveAnswer(prompt: Prompt): string {
  const { sources, question, parts, quotes, nothingFound = NO_ANSWER } = prompt;
  const results = sources.filter(({ isResult }) => isResult);
  const rows = results.map(tellRows);
  const told = new Set(results.flatMap(({ text }) => wordsOf(text.replaceAll('_', ' ')).map(stem)));
  const sentences = distinct(
    sources
      .filter(({ isResult }) => !isResult)
      .flatMap(({ mark, text }) => sentencesOf(text).map((sentence) => toSentence(sentence, mark))),
  );
  const chosen = (parts.length > 0 ? parts : [question]).flatMap((part) => chooseFor(part, sentences, told));
  const said = [...rows, ...distinct(chosen).map((one) => cited(one, quotes))];
  return said.length === 0 ? nothingFound : said.join(' ');
}

const MAX_ROWS = 5;

/** Rows say what they say: `orders: 412`, the first few of many. Each value that is told stands in them. */
function tellRows({ mark, text }: Source): string {
  const rows = text.split('\n').filter((line) => /^[^:]+: /.test(line));
  const [first] = rows;
  if (!first) return `The database has no rows that match [${mark}: "no rows"].`;
  const told = rows.slice(0, MAX_ROWS).map((row) =>
    row
      .split(' | ')
      .join(', ')
      .replace(/[[\]"<>]/g, ' '),
  );
  const lead = rows.length > told.length ? `The first ${told.length} rows are` : 'The database says';
  const values = first.split(' | ').map((cell) => cell.replace(/^[^:]+: /, ''));
  const value = values.find((each) => /^-?\d+(\.\d+)?$/.test(each)) ?? values[0] ?? '';
  return `${lead}: ${told.join('; ')} [${mark}: "${value}"].`.replaceAll('_', ' ');
}

/**
 * The sentences that together share most of the question's words; rare words count more. Chosen one by one: a sentence counts for
 * what those before it left open.
 * @param told stems of the rows' words, which answer their part of the question
 */
function chooseFor(question: string, sentences: readonly Sentence[], told: ReadonlySet<string>): Sentence[] {
  const statements = sentences.filter(({ text }) => !asks(text, question));
  const weights = questionWeights(question, statements);
  const total = sum(weights.values());
  for (const word of told) weights.delete(word);
  const open = sum(weights.values());
  return open === 0 || open < total * MIN_OPEN ? [] : choose(statements, weights, open);
}

/** The question itself, word for word: nothing shares more of its words, and nothing says less. */
function asks(text: string, question: string): boolean {
  const asked = wordsOf(question).join(' ');
  return text.includes('?') && asked !== '' && ` ${wordsOf(text).join(' ')} `.includes(` ${asked} `);
}

function choose(sentences: readonly Sentence[], weights: ReadonlyMap<string, number>, total: number): Sentence[] {
  const share = (sentence: Sentence, words: ReadonlyMap<string, number>) => coverage(sentence, words) / total;
  const byShare = [...sentences].sort((left, right) => share(right, weights) - share(left, weights));
  const first = byShare[0];
  if (!first || share(first, weights) < MIN_COVERAGE) return [];
  const chosen = [first];
  const open = new Map(weights);
  for (const word of first.stems) open.delete(word);
  for (const sentence of byShare.slice(1)) {
    if (chosen.length === MAX_SENTENCES) break;
    const isAsGood = share(sentence, weights) >= share(first, weights) * MIN_OF_BEST;
    if (share(sentence, open) < MIN_GAIN && !isAsGood) continue;
    chosen.push(sentence);
    for (const word of sentence.stems) open.delete(word);
  }
  return chosen;
}

/** Lines that stand alone whatever follows them: headings, list items, rows of tables, fences. */
const OWN_LINE = /^\s*(?:#{1,6}\s|[-*+>|]|\d+[.)]\s|`{3})/;

function sentencesOf(text: string): string[] {
  return paragraphsOf(text)
    .flatMap((paragraph) => paragraph.split(/(?<=[.!?。！？])\s+/))
    .map((sentence) => sentence.replace(/^[#>*\-|\s]+/, '').trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence))
    .map((sentence) => sentence.slice(0, MAX_SENTENCE_LENGTH));
}

/** A text that was wrapped by hand has sentences over several lines. */
function paragraphsOf(text: string): string[] {
  const paragraphs: string[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    const begins = !isOpen || OWN_LINE.test(line);
    if (begins) paragraphs.push(line);
    else paragraphs.push(`${paragraphs.pop()}\n${line}`);
    isOpen = line.trim() !== '' && !/^\s*(?:#{1,6}\s|\||`{3})/.test(line);
  }
  return paragraphs.filter((paragraph) => paragraph.trim() !== '');
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

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const one of numbers) total += one;
  return total;
}

function distinct(sentences: readonly Sentence[]): Sentence[] {
  const seen = new Set<string>();
  return sentences.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/** The mark stands before the full stop. A sentence is its own quote. */
function cited({ text, mark }: Sentence, quotes: boolean): string {
  const closed = /[.!?。！？]$/.test(text);
  const said = closed ? text.slice(0, -1) : text;
  const note = quotes ? `[${mark}: "${said}"]` : `[${mark}]`;
  return `${plain(said, quotes)} ${note}${closed ? text.slice(-1) : '.'}`;
}

/** Brackets of the source's own would read as marks beside ours. */
function plain(text: string, quotes: boolean): string {
  const line = text.replace(/\s+/g, ' ');
  return quotes ? line.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\*{1,3}|`/g, '') : line;
}
