import type { ChunkLanguage } from './chunk-languages.ts';
import { functionWords } from './function-words.ts';

const sampledUnits = 2_000;
/** Fewer words than this are too few to tell: a heading, a name, a number with its unit. */
const fewestWords = 8;
/** Running text has function words above 0.3, lists and headings around 0.15; languages that share a few words stay below 0.1. */
const smallestShare = 0.12;
/** How far the best must lead: Danish and Norwegian share most of theirs. */
const lead = 1.1;

/** Letters that only one of the shipped languages is written with; of others in the same script, none has a configuration. */
const scripts: readonly (readonly [ChunkLanguage, RegExp])[] = [
  ['greek', /\p{Script=Greek}/gu],
  ['armenian', /\p{Script=Armenian}/gu],
  ['tamil', /\p{Script=Tamil}/gu],
];

/** Letters of languages that share Russian's words: Ukrainian, Belarusian, Serbian, Macedonian. Bulgarian has no `ы`. */
const notRussian = /[іїєґўјљњћђџ]/;
const russianLetter = /[ыэё]/;
const enoughForEveryLetter = 100;
/** Letters of Polish, Czech, Slovak, Croatian, the Baltic languages and Vietnamese, which have no configuration; a name has one or two. */
const lettersWithout = /[łńśźżćąęěščřžůďťňđķļņģėįųơư]/g;
const lettersBetween = 40;

/**
 * In which language a chunk's words are indexed: by its function words (or script), with stemming. `simple`, word by word, is for
 * languages without a configuration, for code and tables of numbers.
 * @param inherited what a chunk is taken for that says too little: the language of its document
 */
export function detectLanguage(text: string, inherited: ChunkLanguage = 'simple'): ChunkLanguage {
  const sample = text.slice(0, sampledUnits).toLowerCase();
  const words = sample.match(/[\p{L}\p{M}]+/gu) ?? [];
  const letters = words.reduce((sum, word) => sum + word.length, 0);
  for (const [language, script] of scripts) {
    if (letters > 0 && (sample.match(script)?.length ?? 0) > letters / 2) return language;
  }
  if (words.length < fewestWords) return inherited;
  const found = new Map<ChunkLanguage, number>();
  for (const word of words)
    for (const language of functionWords.get(word) ?? []) found.set(language, (found.get(language) ?? 0) + 1);
  const [best, next] = [...found].sort(([, one], [, other]) => other - one);
  const isOther =
    (best?.[0] === 'russian' && isOtherCyrillic(sample, letters)) ||
    (sample.match(lettersWithout)?.length ?? 0) * lettersBetween > letters;
  if (!best || isOther || best[1] < words.length * smallestShare) return saysLittle(text, words) ? inherited : 'simple';
  return best[1] >= (next?.[1] ?? 0) * lead ? best[0] : inherited === next?.[0] ? inherited : best[0];
}

function isOtherCyrillic(sample: string, letters: number): boolean {
  return notRussian.test(sample) || (letters >= enoughForEveryLetter && !russianLetter.test(sample));
}

/** Text in which numbers and signs outweigh the words: its few words are those of the document around it. */
function saysLittle(text: string, words: readonly string[]): boolean {
  const sample = text.slice(0, sampledUnits).replace(/\s+/g, '');
  return words.reduce((sum, word) => sum + word.length, 0) < sample.length / 2;
}

/** Judged by samples from its beginning, middle and end. */
export function languageOfDocument(text: string): ChunkLanguage {
  const third = Math.floor(sampledUnits / 3);
  const middle = Math.max(third, Math.floor(text.length / 2));
  const end = Math.max(middle + third, text.length - third);
  return detectLanguage([0, middle, end].map((start) => text.slice(start, start + third)).join(' '));
}
