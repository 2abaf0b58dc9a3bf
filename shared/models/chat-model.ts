import type { ModelError } from './model-error.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What one request may hold, in tokens. */
export interface ChatLimits {
  /** Prompt and answer together. */
  readonly contextTokens: number;
  readonly maximumOutputTokens: number;
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  /** The answer ends here, whatever it still had to say. */
  readonly maximumOutputTokens: number;
  /** Its purpose, if a person is waiting: used for metrics, never sent to the provider. */
  readonly purpose?: 'answer' | 'sql';
}

export interface ChatOptions {
  /** Milliseconds since 1970: the answer must have ended by then. */
  readonly deadline: number;
  /** Milliseconds since 1970: given up when nothing has come by then, though there were time left. */
  readonly firstTokenBy?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChatUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** How an answer ended: by itself, at the limit of its length, or cut by the provider's own filter. */
export type ChatFinish = 'stop' | 'length' | 'filtered';

/** Text as it comes, and at last what it was. */
export type ChatEvent =
  | { readonly type: 'delta'; readonly text: string }
  | {
      readonly type: 'end';
      readonly finish: ChatFinish;
      /** As the provider named the model that answered; may differ from what was asked for. */
      readonly model: string;
      /** As the provider counted; undefined where it did not say. */
      readonly usage: ChatUsage | undefined;
    };

/** Writes an answer to a conversation. One call is one request to the provider, unless a decorator says otherwise. */
export interface ChatModel {
  /** The requested model's name, also used to look up prices. */
  readonly model: string;
  /** The provider: `openai`, `offline`, or the host of a compatible server. */
  readonly provider: string;
  readonly limits: ChatLimits;
  /**
   * Ends with one `end` event. Leaving the loop early ends the request.
   * @throws ModelError, also between deltas
   */
  stream(request: ChatRequest, options: ChatOptions): AsyncIterable<ChatEvent>;
}

/** The outcome of a call, however it ended: whatever was received has to be paid for. */
export interface ChatOutcome {
  readonly text: string;
  readonly model: string;
  readonly finish: ChatFinish | undefined;
  /** The provider's count, or an estimate where the stream ended before it. */
  readonly usage: ChatUsage;
  /** Why there is no more text than this. */
  readonly error: ModelError | undefined;
}
