import { BytePairs } from './byte-pairs.ts';

/**
 * Exact cl100k token counts. The table of tokens costs 70 ms to load, so it is loaded on first use.
 *
 * cl100k first cuts a text into words by a regular expression and then merges bytes inside each word, so a text's count is the
 * sum of its words' counts, and words repeat: most counts come from a table.
 */
export interface TokenCounter {
  /** Tokens of one word of at most `longestWord` units. */
  countWord(word: string): number;
  /** Tokens of a text without unbroken runs over `longestWord`. Special tokens such as `<|endoftext|>` count as plain text. */
  count(text: string): number;
}

/** The first cut of cl100k_base (tiktoken `_educational.py`), in the form that gpt-tokenizer uses; sticky, for use with `lastIndex`. */
export const wordPattern =
  /'(?:[sS]|[dD]|[mM]|[tT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s/uy;

/** A word over this many UTF-16 units is cut: tokenisers are quadratic in them, 100,000 cost 8 s. */
export const longestWord = 256;
const rememberedWords = 50_000;
const longestRememberedWord = 64;
/** From 13 units on, V8 makes a slice that keeps its whole parent alive: such a key would pin a document in memory. */
const shortestSharedSlice = 13;

let loaded: Promise<TokenCounter> | undefined;

/** @returns the one counter of this process */
export function loadTokenCounter(): Promise<TokenCounter> {
  loaded ??= import('gpt-tokenizer/bpeRanks/cl100k_base').then(({ default: ranks }) => {
    const pairs = new BytePairs(ranks);
    return tokenCounter((word) => pairs.count(word));
  });
  return loaded;
}

function tokenCounter(countExactly: (word: string) => number): TokenCounter {
  const remembered = new Map<string, number>();
  const countWord = (word: string): number => {
    const known = remembered.get(word);
    if (known !== undefined) return known;
    const count = countExactly(word);
    if (word.length <= longestRememberedWord) {
      if (remembered.size >= rememberedWords) remembered.clear();
      remembered.set(word.length < shortestSharedSlice ? word : ownCopy(word), count);
    }
    return count;
  };
  return { countWord, count: (text) => countWords(text, countWord) };
}

function countWords(text: string, countWord: (word: string) => number): number {
  let total = 0;
  for (let start = 0; start < text.length; start = wordPattern.lastIndex) {
    wordPattern.lastIndex = start;
    if (!wordPattern.test(text)) throw new Error('The word pattern matches every text.');
    total += countWord(text.slice(start, wordPattern.lastIndex));
  }
  return total;
}

function ownCopy(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
