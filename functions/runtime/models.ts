import { OpenAiEmbedder } from '../../shared/adapters/openai/openai-embedder.ts';
import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { type Cache, noCache } from '../../shared/core/cache.ts';
import type { Config } from '../../shared/core/config.ts';
import { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import type { Embedder } from '../../shared/models/embedder.ts';
import { EmbeddingCache } from '../../shared/models/embedding-cache.ts';
import { RetryingEmbedder } from '../../shared/models/retrying-embedder.ts';

/** The stage's embedding model, tried again within the time of a call. */
export function createEmbedder({ models }: Config, secrets: SecretReader): Embedder {
  const { secretArn } = models;
  return new RetryingEmbedder(
    new OpenAiEmbedder({
      model: models.embeddingModel,
      dimensions: models.embeddingDimensions,
      baseUrl: models.baseUrl,
      apiKey: async () => {
        if (secretArn === undefined) throw new Error('This function has not been given the model secret.');
        return secrets.read(secretArn);
      },
    }),
  );
}

export function createQuestionEmbedder(
  { cache: settings }: Config,
  embedder: Embedder,
  cache: Cache | null,
): QuestionEmbedder {
  return new QuestionEmbedder(embedder, new EmbeddingCache(cache ?? noCache, settings.questionTtl));
}

/** Vectors of chunks, kept for as long as a redelivery may come. */
export function createChunkCache({ cache: settings }: Config, cache: Cache | null): EmbeddingCache {
  return new EmbeddingCache(cache ?? noCache, settings.chunkTtl);
}
