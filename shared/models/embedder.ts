import type { Priority } from '../core/work-queue.ts';

/** What one request may hold. */
export interface EmbedderLimits {
  readonly maximumInputs: number;
  readonly maximumTokensPerInput: number;
  /** By the larger of the exact count and UTF-8 bytes / 4, which is what OpenAI's gate counts. */
  readonly maximumTokensPerRequest: number;
}

/** OpenAI's embeddings API, November 2026: 8,192 tokens an input, kept one below. */
export const openaiEmbeddingLimits: EmbedderLimits = {
  maximumInputs: 2_048,
  maximumTokensPerInput: 8_191,
  maximumTokensPerRequest: 300_000,
};

export interface EmbedOptions {
  /** Milliseconds since 1970: no attempt starts, and none waits, beyond it. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** The priority of work that can wait; undefined: somebody is waiting for the response. */
  readonly priority?: Priority | undefined;
  /** The texts are doubted, and not the model, which answers others: a failure is none of its circuit, and is soon taken for an answer. */
  readonly isDoubted?: boolean;
}

export interface Embeddings {
  /** One a text, in the order of the texts. */
  readonly vectors: readonly Float32Array[];
  /** As the provider counted and bills them. */
  readonly tokens: number;
}

/** Turns texts into vectors of one space. One call is one request to the provider, unless a decorator says otherwise. */
export interface Embedder {
  /** Names the space: vectors of different models are never compared. */
  readonly model: string;
  readonly dimensions: number;
  readonly limits: EmbedderLimits;
  /** @throws ModelError */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings>;
}
