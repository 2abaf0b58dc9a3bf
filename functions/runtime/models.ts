import { OpenAiChatModel } from '../../shared/adapters/openai/openai-chat-model.ts';
import { OpenAiEmbedder } from '../../shared/adapters/openai/openai-embedder.ts';
import type { RedisCache } from '../../shared/adapters/redis/redis-cache.ts';
import { RedisTokenBudget } from '../../shared/adapters/redis/redis-token-budget.ts';
import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { type Cache, noCache } from '../../shared/core/cache.ts';
import type { Config } from '../../shared/core/config-shape.ts';
import type { ModelSpace } from '../../shared/ingestion/embed-chunks.ts';
import { largestRequest, noBudget, ProcessBudget, type TokenBudget } from '../../shared/limits/token-budget.ts';
import { BudgetedEmbedder } from '../../shared/models/budgeted-embedder.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import type { CircuitStore } from '../../shared/models/circuit.ts';
import type { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import type { Embedder } from '../../shared/models/embedder.ts';
import { EmbeddingCache } from '../../shared/models/embedding-cache.ts';
import { GuardedEmbedder } from '../../shared/models/guarded-embedder.ts';
import { PaddedEmbedder } from '../../shared/models/padded-embedder.ts';
import { RetryingChatModel } from '../../shared/models/retrying-chat-model.ts';
import { RetryingEmbedder } from '../../shared/models/retrying-embedder.ts';
import {
  ObservedChatModel,
  ObservedChunkCache,
  ObservedEmbedder,
  ObservedQuestionEmbedder,
} from './observed-models.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface ModelParts {
  readonly config: Config;
  readonly secrets: SecretReader;
  readonly log: Telemetry;
  readonly cache: RedisCache | null;
}

interface NamedModel {
  readonly model: string;
  readonly dimensions: number;
}

/** The stage's first embedding model. */
export function primaryModel({ models }: Config): NamedModel {
  return { model: models.embeddingModel, dimensions: models.embeddingDimensions };
}

/** The model of the second vector space; null where the stage has none. */
export function fallbackModel({ models }: Config): NamedModel | null {
  return models.fallbackModel === null ? null : { model: models.fallbackModel, dimensions: models.fallbackDimensions };
}

/**
 * A model with everything around it: vectors as wide as the column, tried again within the time of a call, within the budget, and left
 * alone while its circuit is open.
 */
export function createModelSpace(
  { config, secrets, log }: ModelParts,
  { model, dimensions }: NamedModel,
  budget: TokenBudget,
  circuits: CircuitStore,
): ModelSpace {
  const { baseUrl, embeddingDimensions: width } = config.models;
  const provider = new OpenAiEmbedder({
    model,
    dimensions,
    baseUrl,
    apiKey: ({ fresh }) => modelKey(config.models, secrets, fresh),
  });
  const guarded = new GuardedEmbedder(new PaddedEmbedder(new ObservedEmbedder(provider, log), width), {
    circuits,
    onOpen: (name, { fault, reason }) => log.modelLeftAlone({ model: name, fault, reason }),
    onStoreFailure: (error) => log.recordFailed(error, { source: 'model circuit', messageId: model }),
  });
  const budgeted = new BudgetedEmbedder(guarded, budget, largestRequest(config.models.budget));
  return { embedder: new RetryingEmbedder(budgeted), admission: () => guarded.admission() };
}

/** The stage's budget per minute; shared where there is a cache, otherwise each process has a share. */
export function createBudget({ config, log, cache }: ModelParts): TokenBudget {
  const { budget } = config.models;
  if (budget.tokensPerMinute === null && budget.requestsPerMinute === null) return noBudget;
  if (!cache) return new ProcessBudget(budget, budget.processes);
  return new RedisTokenBudget({
    client: () => cache.client(),
    budget,
    processes: budget.processes,
    onFailure: (error) => log.cacheFailed(error),
  });
}

/** The chat model that a workspace chose; the stage's own where it chose none, or one that the stage no longer allows. */
export type ChatModels = (choice: string | null) => ChatModel;

/** Each is tried once more when it fails before its first token. */
export function createChatModels({ models }: Config, secrets: SecretReader, log: Telemetry): ChatModels {
  const known = new Map<string, ChatModel>();
  return (choice) => {
    const model = choice !== null && models.chatModelChoices.includes(choice) ? choice : models.chatModel;
    let chat = known.get(model);
    if (!chat) {
      const { baseUrl } = models;
      const provider = new OpenAiChatModel({ model, baseUrl, apiKey: ({ fresh }) => modelKey(models, secrets, fresh) });
      chat = new RetryingChatModel(new ObservedChatModel(provider, log));
      known.set(model, chat);
    }
    return chat;
  };
}

async function modelKey({ secretArn }: Config['models'], secrets: SecretReader, fresh: boolean): Promise<string> {
  if (secretArn === undefined) throw new Error('This function has not been given the model secret.');
  return fresh ? secrets.refresh(secretArn) : secrets.read(secretArn);
}

export function createQuestionEmbedder(
  { config, log }: Pick<ModelParts, 'config' | 'log'>,
  embedder: Embedder,
  cache: Cache | null,
): QuestionEmbedder {
  return new ObservedQuestionEmbedder(embedder, new EmbeddingCache(cache ?? noCache, config.cache.questionTtl), log);
}

/** Vectors of chunks, kept for as long as a redelivery may come. */
export function createChunkCache(
  { config, log }: Pick<ModelParts, 'config' | 'log'>,
  cache: Cache | null,
): EmbeddingCache {
  return new ObservedChunkCache(log, cache ?? noCache, config.cache.chunkTtl);
}
