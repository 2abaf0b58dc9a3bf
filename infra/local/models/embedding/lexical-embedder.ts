import { stem, wordsOf, wordWeight } from './words.ts';

const BIGRAM_WEIGHT = 0.4;
/** All n-grams of a word together weigh this much of the word. */
const NGRAM_WEIGHT = 0.45;
const NGRAM_SIZES = [3, 4, 5];
/** Beyond this a word is a blob (base64, a hash): its n-grams are noise. */
const MAX_NGRAM_WORD = 32;
/** Words whose features are kept: a corpus repeats its words, and this is about 30 MB. */
const MAX_CACHED_WORDS = 60_000;

interface WordFeatures {
  readonly hash: number;
  readonly weight: number;
  readonly ngrams: Int32Array;
  readonly ngramWeight: number;
}

interface TermCount {
  readonly word: WordFeatures;
  count: number;
}

/**
 * Vectors by the hashing trick (Weinberger et al. 2009): each stemmed word, pair of neighbours and character n-gram is
 * hashed to a dimension and a sign, with weight 1 + ln(count), and the sum is brought to length 1. The cosine of two
 * texts is then an estimate of how much of their wording they share. It knows no synonyms.
 */
export class LexicalEmbedder {
  readonly #cache = new Map<string, WordFeatures>();

  /** A unit vector of the text; never zero, for a text without words goes by its characters. */
  embed(text: string, dimensions: number): Float32Array {
    const words = wordsOf(text);
    const vector = new Float32Array(dimensions);
    const terms = new Map<number, TermCount>();
    const pairs = new Map<number, number>();
    let previous: WordFeatures | undefined;
    for (const text of words) {
      const word = this.#features(text);
      const term = terms.get(word.hash);
      if (term) term.count += 1;
      else terms.set(word.hash, { word, count: 1 });
      if (previous) countPair(pairs, previous, word);
      previous = word;
    }
    for (const term of terms.values()) addTerm(vector, term);
    for (const [hash, weight] of pairs) add(vector, hash, weight * BIGRAM_WEIGHT);
    if (!normalise(vector)) {
      add(vector, hashOf(text), 1);
      normalise(vector);
    }
    return vector;
  }

  #features(word: string): WordFeatures {
    const cached = this.#cache.get(word);
    if (cached) return cached;
    if (this.#cache.size >= MAX_CACHED_WORDS) this.#cache.clear();
    const features = featuresOf(word);
    this.#cache.set(word, features);
    return features;
  }
}

function featuresOf(word: string): WordFeatures {
  const weight = wordWeight(word);
  const ngrams = weight < 0.1 || word.length > MAX_NGRAM_WORD ? [] : ngramHashes(word);
  const ngramWeight = ngrams.length === 0 ? 0 : (weight * NGRAM_WEIGHT) / Math.sqrt(ngrams.length);
  return { hash: hashOf(stem(word)), weight, ngrams: Int32Array.from(ngrams), ngramWeight };
}

/** Of the word between its borders, so that beginnings and ends are told from middles. */
function ngramHashes(word: string): number[] {
  const framed = `<${word}>`;
  const hashes: number[] = [];
  for (const size of NGRAM_SIZES) {
    for (let start = 0; start + size <= framed.length; start++) hashes.push(hashOf(framed.slice(start, start + size)));
  }
  return hashes;
}

/** Pairs of stop words say nothing; a pair weighs as its lighter word does, each further occurrence less. */
function countPair(pairs: Map<number, number>, left: WordFeatures, right: WordFeatures): void {
  const weight = Math.min(left.weight, right.weight);
  if (weight < 0.1) return;
  const hash = mix(Math.imul(left.hash, 31) + right.hash);
  const seen = pairs.get(hash);
  pairs.set(hash, seen === undefined ? weight : seen + weight * 0.3);
}

function addTerm(vector: Float32Array, { word, count }: TermCount): void {
  const frequency = 1 + Math.log(count);
  add(vector, word.hash, word.weight * frequency);
  const weight = word.ngramWeight * frequency;
  for (const hash of word.ngrams) add(vector, hash, weight);
}

function add(vector: Float32Array, hash: number, weight: number): void {
  const dimension = (hash >>> 1) % vector.length;
  vector[dimension] = (vector[dimension] as number) + (hash & 1 ? weight : -weight);
}

/** False when the vector is zero. */
function normalise(vector: Float32Array): boolean {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum < 1e-12) return false;
  const scale = 1 / Math.sqrt(sum);
  for (let position = 0; position < vector.length; position++) vector[position] = (vector[position] as number) * scale;
  return true;
}

/** FNV-1a over UTF-16 units, then mixed: its low bits alone are too regular for a sign. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let position = 0; position < text.length; position++) {
    hash = Math.imul(hash ^ text.charCodeAt(position), 0x01000193);
  }
  return mix(hash);
}

/** The finaliser of MurmurHash3. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
