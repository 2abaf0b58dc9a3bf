/** A Postgres text search configuration. */
export type ChunkLanguage = 'english' | 'simple';

/** The function words that make up about half of English running text. */
const englishWords: ReadonlySet<string> = new Set(
  (
    'the of and to in is that for it as was with be by on not he his this are or at from had have which an they you were there ' +
    'been their has would what will can all if do when who so no more about out into than its only other some could these'
  ).split(' '),
);

const sampledUnits = 2_000;
const fewestWords = 3;
/** Running English is above 0.35, lists and headings around 0.15; other languages that share a few words stay below 0.1. */
const smallestShare = 0.12;

/**
 * In which language a chunk's words are indexed: English, by its function words, with stemming; everything else (other languages,
 * code, tables of numbers) word by word.
 */
export function detectLanguage(text: string): ChunkLanguage {
  let words = 0;
  let english = 0;
  for (const [word] of text.slice(0, sampledUnits).matchAll(/\p{L}+/gu)) {
    words += 1;
    if (englishWords.has(word.toLowerCase())) english += 1;
  }
  return words >= fewestWords && english >= words * smallestShare ? 'english' : 'simple';
}
