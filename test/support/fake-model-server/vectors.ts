import { DEFAULT_DIMENSIONS } from '../../../infra/local/models/wire/embeddings-request.ts';

/**
 * `[[topic:cats]]` or `[[topic:cats@0.8]]` in a text puts its vector at a cosine (0.9 unless told) from the centre of
 * the topic, in a direction of the text's own. Two texts of one topic are then about as alike as the product of their
 * cosines, texts of two topics not at all: recall can be checked against what the texts say.
 */
const TOPIC = /\[\[topic:([\w-]+)(?:@(\d?\.?\d+))?\]\]/;
const DEFAULT_COSINE = 0.9;

/** Deterministic unit vectors: the same seed and text always give the same vector, in every process. */
export class FakeVectors {
  readonly #seed: number;
  readonly #centres = new Map<string, Float32Array>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  vector(text: string, dimensions: number = DEFAULT_DIMENSIONS): Float32Array {
    const own = randomUnitVector(hash32(text, this.#seed), dimensions);
    const topic = text.includes('[[topic:') ? TOPIC.exec(text) : null;
    if (!topic) return own;
    const cosine = Math.min(1, Number(topic[2] ?? DEFAULT_COSINE));
    return atCosine(this.centre(topic[1] as string, dimensions), own, cosine);
  }

  /** The centre of a topic: what a query for exactly this topic would be embedded as. */
  centre(topic: string, dimensions: number = DEFAULT_DIMENSIONS): Float32Array {
    const key = `${topic}/${dimensions}`;
    const known = this.#centres.get(key);
    if (known) return known;
    const centre = randomUnitVector(hash32(`centre of ${topic}`, this.#seed), dimensions);
    this.#centres.set(key, centre);
    return centre;
  }
}

/** The unit vector in the plane of both that lies at this cosine from the centre. */
function atCosine(centre: Float32Array, own: Float32Array, cosine: number): Float32Array {
  let along = 0;
  for (let position = 0; position < own.length; position++)
    along += (own[position] as number) * (centre[position] as number);
  const across = Math.sqrt(Math.max(1e-12, 1 - along * along));
  const sine = Math.sqrt(1 - cosine * cosine) / across;
  const result = new Float32Array(own.length);
  for (let position = 0; position < own.length; position++) {
    const direction = (own[position] as number) - along * (centre[position] as number);
    result[position] = (centre[position] as number) * cosine + direction * sine;
  }
  return result;
}

/** Filled by xorshift32 (Marsaglia 2003), about 3 µs for 1,536 dimensions. */
function randomUnitVector(seed: number, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let state = seed | 1;
  let sum = 0;
  for (let position = 0; position < dimensions; position++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = state / 0x80000000;
    vector[position] = value;
    sum += value * value;
  }
  const scale = 1 / Math.sqrt(sum);
  for (let position = 0; position < dimensions; position++) vector[position] = (vector[position] as number) * scale;
  return vector;
}

/** FNV-1a over UTF-16 units with a seed, mixed at the end. */
function hash32(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let position = 0; position < text.length; position++) {
    hash = Math.imul(hash ^ text.charCodeAt(position), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
