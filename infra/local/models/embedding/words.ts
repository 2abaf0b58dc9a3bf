/** Words that say nothing about a text's subject; they keep a little weight so that a text of nothing else has a vector. */
const STOP_WORDS = new Set(
  `a about above after again against all also am an and any are aren as at be because been before being below between both
  but by can cannot could did didn do does doesn doing don down during each few for from further had has have having he her
  here hers him his how i if in into is isn it its itself just let many me more most much my no nor not now of off on once only or
  other our ours out over own per please same she should so some such than that the their theirs them then there these they
  this those through to too under until up upon us very via was wasn we were what when where which while who whom why will
  with would you your yours`.split(/\s+/),
);

const STOP_WORD_WEIGHT = 0.05;
const SHORT_WORD_WEIGHT = 0.5;

/** A word's weight without a corpus to count in: stop words least, short words less, all others alike. */
export function wordWeight(word: string): number {
  if (STOP_WORDS.has(word)) return STOP_WORD_WEIGHT;
  return word.length <= 2 && !/\d/.test(word) ? SHORT_WORD_WEIGHT : 1;
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const ASCII_WORD = /[a-z0-9]+/g;
/** Scripts that are written without blanks: their runs are cut into overlapping pairs of characters. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is what is meant
const ONLY_ASCII = /^[\x00-\x7f]*$/;

/** The lower-cased words of a text, in order. */
export function wordsOf(text: string): string[] {
  if (ONLY_ASCII.test(text)) return text.toLowerCase().match(ASCII_WORD) ?? [];
  const words = text.normalize('NFKC').toLowerCase().match(WORD) ?? [];
  return words.flatMap((word) => (UNSPACED.test(word) ? characterPairs(word) : [word]));
}

function characterPairs(run: string): string[] {
  const characters = [...run];
  if (characters.length < 3) return [run];
  return characters.slice(1).map((character, position) => `${characters[position]}${character}`);
}

/**
 * A light stemmer for English endings (after Harman's S stemmer, with -ing, -ed and -ly): "running" and "runs" meet at
 * "run". Other scripts, numbers and short words stay as they are; the character n-grams catch what it misses.
 */
export function stem(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  const singular = withoutPlural(word);
  for (const ending of ['ingly', 'edly', 'ing', 'ed', 'ly']) {
    const base = singular.slice(0, -ending.length);
    if (singular.endsWith(ending) && base.length >= 3 && /[aeiouy]/.test(base)) return tidyEnd(base);
  }
  return tidyEnd(singular);
}

function withoutPlural(word: string): string {
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|z|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (word.endsWith('s') && !/(?:ss|us|is)$/.test(word)) return word.slice(0, -1);
  return word;
}

/** "stopp" is "stop", and a last e goes so that "stored" and "store" meet. */
function tidyEnd(word: string): string {
  if (/([bdfgmnprt])\1$/.test(word)) return word.slice(0, -1);
  return word.length > 4 && word.endsWith('e') ? word.slice(0, -1) : word;
}
