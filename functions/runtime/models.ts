import { OpenAiChatModel } from '../../shared/adapters/openai/openai-chat-model.ts';
import { OpenAiEmbedder } from '../../shared/adapters/openai/openai-embedder.ts';
import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { type Cache, noCache } from '../../shared/core/cache.ts';
import type { Config } from '../../shared/core/config.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import type { Embedder } from '../../shared/models/embedder.ts';
import { EmbeddingCache } from '../../shared/models/embedding-cache.ts';
import { RetryingChatModel } from '../../shared/models/retrying-chat-model.ts';
import { RetryingEmbedder } from '../../shared/models/retrying-embedder.ts';

/** The stage's embedding model, tried again within the time of a call. */
export function createEmbedder({ models }: Config, secrets: SecretReader): Embedder {
  return new RetryingEmbedder(
    new OpenAiEmbedder({
      model: models.embeddingModel,
      dimensions: models.embeddingDimensions,
      baseUrl: models.baseUrl,
      apiKey: () => modelKey(models, secrets),
    }),
  );
}

/** The stage's chat model, tried once more when it fails before its first token. */
export function createChatModel({ models }: Config, secrets: SecretReader): ChatModel {
  return new RetryingChatModel(
    new OpenAiChatModel({
      model: models.chatModel,
      baseUrl: models.baseUrl,
      apiKey: () => modelKey(models, secrets),
    }),
  );
}

async function modelKey({ secretArn }: Config['models'], secrets: SecretReader): Promise<string> {
  if (secretArn === undefined) throw new Error('This function has not been given the model secret.');
  return secrets.read(secretArn);
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
