import { createHash } from 'node:crypto';
import type { Embedder, Embeddings, EmbedOptions } from './embedder.ts';
import { EmbedderDecorator } from './embedder-decorator.ts';
import type { EmbeddingCache, EmbeddingSpace } from './embedding-cache.ts';

/** An embedder that requests only what the cache of one workspace does not hold. `tokens` counts only the requested texts. */
export class CachedEmbedder extends EmbedderDecorator {
  private readonly cache: EmbeddingCache;
  private readonly workspaceId: string;

  constructor(inner: Embedder, cache: EmbeddingCache, workspaceId: string) {
    super(inner);
    this.cache = cache;
    this.workspaceId = workspaceId;
  }

  override async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    const space: EmbeddingSpace = { workspaceId: this.workspaceId, model: this.model, dimensions: this.dimensions };
    const hashes = texts.map((text) => createHash('sha256').update(text, 'utf8').digest());
    const vectors = await this.cache.get(space, hashes);
    const missing = vectors.flatMap((vector, i) => (vector ? [] : [i]));
    if (missing.length === 0) return { vectors: vectors as Float32Array[], tokens: 0 };
    const bought = await this.inner.embed(
      missing.map((i) => texts[i] as string),
      options,
    );
    const entries = missing.map((i, j) => ({ hash: hashes[i] as Buffer, vector: bought.vectors[j] as Float32Array }));
    for (const [j, i] of missing.entries()) vectors[i] = bought.vectors[j];
    await this.cache.set(space, entries);
    return { vectors: vectors as Float32Array[], tokens: bought.tokens };
  }
}
