import type {
  ChatEvent,
  ChatLimits,
  ChatModel,
  ChatOptions,
  ChatRequest,
  ChatUsage,
} from '../../shared/models/chat-model.ts';
import { type EmbeddedQuestion, QuestionEmbedder } from '../../shared/models/embed-question.ts';
import type { Embedder, Embeddings, EmbedOptions } from '../../shared/models/embedder.ts';
import { EmbedderDecorator } from '../../shared/models/embedder-decorator.ts';
import { EmbeddingCache, type EmbeddingSpace } from '../../shared/models/embedding-cache.ts';
import { costUsd } from '../../shared/usage/prices.ts';
import type { AnswerStage, Measures } from './telemetry/measures.ts';

/** Stages of an answer that a call to the chat model is the whole of. */
const stageOfPurpose: Readonly<Record<NonNullable<ChatRequest['purpose']>, AnswerStage>> = {
  sql: 'sql_generate',
  answer: 'response_generation',
};

/** Measures each request to the provider. Stands directly around it: what a decorator answers by itself was no request. */
export class ObservedEmbedder extends EmbedderDecorator {
  private readonly measures: Measures;

  constructor(inner: Embedder, measures: Measures) {
    super(inner);
    this.measures = measures;
  }

  override async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    const began = performance.now();
    const tell = (tokens: number, failed: boolean) =>
      this.measures.embeddingRequested({
        model: this.model,
        milliseconds: performance.now() - began,
        tokens,
        costUsd: costUsd(this.model, { input: tokens }),
        failed,
        // A question is one text, and somebody waits for it.
        fill: options.priority === undefined ? null : this.fillOf(texts.length, tokens),
      });
    try {
      const embeddings = await this.inner.embed(texts, options);
      tell(embeddings.tokens, false);
      return embeddings;
    } catch (error) {
      tell(0, true);
      throw error;
    }
  }

  private fillOf(inputs: number, tokens: number): number {
    const { maximumInputs, maximumTokensPerRequest } = this.limits;
    return Math.min(1, Math.max(inputs / maximumInputs, tokens / maximumTokensPerRequest));
  }
}

/** Measures each call to the chat model, however it ends. Tokens are the provider's own count, which only a whole answer has. */
export class ObservedChatModel implements ChatModel {
  private readonly inner: ChatModel;
  private readonly measures: Measures;

  constructor(inner: ChatModel, measures: Measures) {
    this.inner = inner;
    this.measures = measures;
  }

  get model(): string {
    return this.inner.model;
  }

  get provider(): string {
    return this.inner.provider;
  }

  get limits(): ChatLimits {
    return this.inner.limits;
  }

  async *stream(request: ChatRequest, options: ChatOptions): AsyncIterable<ChatEvent> {
    const began = Date.now();
    const started = performance.now();
    let usage: ChatUsage | undefined;
    let failed = false;
    try {
      for await (const event of this.inner.stream(request, options)) {
        if (event.type === 'end') ({ usage } = event);
        yield event;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      const milliseconds = performance.now() - started;
      const { promptTokens = 0, completionTokens = 0 } = usage ?? {};
      this.measures.chatRequested({
        model: this.model,
        milliseconds,
        tokens: promptTokens + completionTokens,
        costUsd: costUsd(this.model, { input: promptTokens, output: completionTokens }),
        failed,
      });
      const stage = request.purpose && stageOfPurpose[request.purpose];
      if (stage) this.measures.stageEnded(stage, began, milliseconds, failed);
    }
  }
}

/** Times how long questions wait for their vectors, and counts which were known. */
export class ObservedQuestionEmbedder extends QuestionEmbedder {
  readonly #measures: Measures;
  readonly #isCacheOn: boolean;

  constructor(embedder: Embedder, cache: EmbeddingCache, measures: Measures) {
    super(embedder, cache);
    this.#measures = measures;
    this.#isCacheOn = cache.isOn;
  }

  override async embed(workspaceId: string, question: string, options: EmbedOptions): Promise<EmbeddedQuestion> {
    const began = Date.now();
    const started = performance.now();
    const ended = (failed: boolean) =>
      this.#measures.stageEnded('embed_question', began, performance.now() - started, failed);
    try {
      const embedded = await super.embed(workspaceId, question, options);
      const hit = embedded.cache === 'hit';
      if (this.#isCacheOn) this.#measures.cacheAsked('question', { hits: hit ? 1 : 0, misses: hit ? 0 : 1 });
      ended(false);
      return embedded;
    } catch (error) {
      ended(true);
      throw error;
    }
  }
}

/** Counts how many vectors of chunks were known. */
export class ObservedChunkCache extends EmbeddingCache {
  readonly #measures: Measures;

  constructor(measures: Measures, ...cache: ConstructorParameters<typeof EmbeddingCache>) {
    super(...cache);
    this.#measures = measures;
  }

  override async get(space: EmbeddingSpace, hashes: readonly Uint8Array[]): Promise<(Float32Array | undefined)[]> {
    const found = await super.get(space, hashes);
    if (!this.isOn) return found;
    const hits = found.filter((vector) => vector !== undefined).length;
    this.#measures.cacheAsked('chunk', { hits, misses: found.length - hits });
    return found;
  }
}
