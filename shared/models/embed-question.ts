import { CachedEmbedder } from './cached-embedder.ts';
import type { Embedder, EmbedOptions } from './embedder.ts';
import type { EmbeddingCache } from './embedding-cache.ts';

export interface EmbeddedQuestion {
  readonly vector: Float32Array;
  /** Tokens paid for by this call; 0 if the vector was cached or another caller was already asking. */
  readonly tokens: number;
  readonly cache: 'hit' | 'miss';
}

/** Questions kept in the process: 1,000 vectors of 1,536 dimensions are 6 MB. */
const rememberedQuestions = 1_000;

/**
 * Embeds questions, each at most once at a time in this process: first from memory, then from the cache, then from the model. One
 * for the life of a process.
 */
export class QuestionEmbedder {
  private readonly embedder: Embedder;
  private readonly cache: EmbeddingCache;
  private readonly capacity: number;
  private readonly known = new Map<string, Float32Array>();
  private readonly asking = new Map<string, Promise<EmbeddedQuestion>>();

  constructor(embedder: Embedder, cache: EmbeddingCache, capacity: number = rememberedQuestions) {
    this.embedder = embedder;
    this.cache = cache;
    this.capacity = capacity;
  }

  /** The space that questions are embedded in. */
  get model(): string {
    return this.embedder.model;
  }

  /** @throws ModelError */
  async embed(workspaceId: string, question: string, options: EmbedOptions): Promise<EmbeddedQuestion> {
    const key = `${workspaceId} ${this.embedder.model} ${question}`;
    const vector = this.known.get(key);
    if (vector) {
      this.remember(key, vector);
      return { vector, tokens: 0, cache: 'hit' };
    }
    const others = this.asking.get(key);
    // The first caller pays; its deadline and signal apply to it alone.
    if (others)
      return others
        .then(({ vector: found, cache }) => ({ vector: found, tokens: 0, cache }))
        .catch(() => this.ask(workspaceId, question, key, options));
    const asked = this.ask(workspaceId, question, key, options);
    this.asking.set(key, asked);
    try {
      return await asked;
    } finally {
      this.asking.delete(key);
    }
  }

  private async ask(
    workspaceId: string,
    question: string,
    key: string,
    options: EmbedOptions,
  ): Promise<EmbeddedQuestion> {
    const { vectors, tokens } = await new CachedEmbedder(this.embedder, this.cache, workspaceId).embed(
      [question],
      options,
    );
    const vector = vectors[0] as Float32Array;
    this.remember(key, vector);
    return { vector, tokens, cache: tokens === 0 ? 'hit' : 'miss' };
  }

  /** A Map keeps the order of insertion, so its first key is the one longest unused. */
  private remember(key: string, vector: Float32Array): void {
    this.known.delete(key);
    this.known.set(key, vector);
    const oldest = this.known.keys().next();
    if (this.known.size > this.capacity && !oldest.done) this.known.delete(oldest.value);
  }
}
