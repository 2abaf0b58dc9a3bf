import type { ChatEvent, ChatLimits, ChatModel, ChatOptions, ChatRequest } from './chat-model.ts';
import { ModelError } from './model-error.ts';

/** A provider that asks for more patience than this is not waited for: the reader of an answer sits there. */
const longestWaitSeconds = 2;
const shortestWaitSeconds = 0.2;
/** Of the time that there is, before the first attempt counts as failed: the second needs as much. */
const firstAttemptShare = 0.45;

export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

const sleepFor: Sleep = async (milliseconds, signal) => {
  const { setTimeout: wait } = await import('node:timers/promises');
  await wait(milliseconds, undefined, signal ? { signal } : {});
};

/** A chat model that tries once more, if it failed before its first token: what a reader has seen is never begun again. */
export class RetryingChatModel implements ChatModel {
  private readonly inner: ChatModel;
  private readonly sleep: Sleep;

  constructor(inner: ChatModel, sleep: Sleep = sleepFor) {
    this.inner = inner;
    this.sleep = sleep;
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
    let begun = false;
    const firstTokenBy = Date.now() + (options.deadline - Date.now()) * firstAttemptShare;
    try {
      for await (const event of this.inner.stream(request, { ...options, firstTokenBy })) {
        begun = true;
        yield event;
      }
      return;
    } catch (error) {
      if (begun || !(await this.mayTryAgain(error, options))) throw error;
    }
    yield* this.inner.stream(request, options);
  }

  private async mayTryAgain(error: unknown, { deadline, signal }: ChatOptions): Promise<boolean> {
    if (!(error instanceof ModelError) || !error.retryable || signal?.aborted) return false;
    const seconds = Math.max(error.retryAfterSeconds ?? 0, shortestWaitSeconds);
    if (seconds > longestWaitSeconds || Date.now() + seconds * 1_000 >= deadline) return false;
    await this.sleep(seconds * 1_000, signal);
    return true;
  }
}
