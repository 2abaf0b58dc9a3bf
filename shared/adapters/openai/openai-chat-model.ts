import type OpenAI from 'openai';
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import type {
  ChatEvent,
  ChatFinish,
  ChatLimits,
  ChatModel,
  ChatOptions,
  ChatRequest,
  ChatUsage,
} from '../../models/chat-model.ts';
import { ModelError } from '../../models/model-error.ts';
import { lazyOpenAiClient, type OpenAiSettings } from './openai-client.ts';
import { StreamTimer, type StreamTimes } from './stream-timer.ts';
import { translateError } from './translate-error.ts';

export interface OpenAiChatModelSettings extends OpenAiSettings {
  readonly model: string;
  readonly limits?: ChatLimits;
  readonly times?: StreamTimes;
}

/** The smallest of the models in use: a compatible server may know less, and says so with a 400. */
const commonLimits: ChatLimits = { contextTokens: 128_000, maximumOutputTokens: 16_384 };

const defaultTimes: StreamTimes = {
  // Two attempts and the search before them must fit under 25 s.
  firstTokenMilliseconds: 9_000,
  // A model that pauses this long between two tokens is not writing any more.
  idleMilliseconds: 10_000,
};

/** The chat model port on OpenAI's chat completions, or ones that are compatible. One call is one request; it never retries. */
export class OpenAiChatModel implements ChatModel {
  readonly model: string;
  readonly provider: string;
  readonly limits: ChatLimits;
  private readonly client: () => Promise<OpenAI>;
  private readonly times: StreamTimes;

  constructor(settings: OpenAiChatModelSettings) {
    this.model = settings.model;
    this.provider = providerOf(settings.model, settings.baseUrl);
    this.limits = settings.limits ?? commonLimits;
    this.client = lazyOpenAiClient(settings);
    this.times = settings.times ?? defaultTimes;
  }

  async *stream(request: ChatRequest, options: ChatOptions): AsyncIterable<ChatEvent> {
    const timer = new StreamTimer(this.times, options);
    let end: Ending = { finish: undefined, usage: undefined, model: this.model };
    let isEmpty = true;
    try {
      const client = await this.client();
      const body = requestBody(this.model, request);
      for await (const chunk of await client.chat.completions.create(body, { signal: timer.signal })) {
        const text = chunk.choices?.[0]?.delta?.content;
        // A chunk without text is no sign of life: a server may send those for ever.
        if (typeof text === 'string' && text !== '') {
          timer.tokenCame();
          isEmpty = false;
          yield { type: 'delta', text };
        }
        end = endingOf(chunk, end);
      }
    } catch (error) {
      throw timer.reason ?? translateError(error, Date.now());
    } finally {
      timer.stop();
    }
    // The client ends its loop quietly when it was aborted.
    if (timer.reason) throw timer.reason;
    if (end.finish === undefined)
      throw new ModelError('transient', 'The model provider cut the answer off.', { badResponse: true });
    if (isEmpty && end.finish === 'stop')
      throw new ModelError('transient', 'The model answered nothing.', { badResponse: true });
    yield { type: 'end', finish: end.finish, usage: end.usage, model: end.model };
  }
}

interface Ending {
  readonly finish: ChatFinish | undefined;
  readonly usage: ChatUsage | undefined;
  readonly model: string;
}

function endingOf(chunk: Partial<ChatCompletionChunk>, before: Ending): Ending {
  const finish = chunk.choices?.[0]?.finish_reason;
  return {
    finish: finish ? finishOf(finish) : before.finish,
    usage: chunk.usage ? usageOf(chunk.usage) : before.usage,
    model: typeof chunk.model === 'string' && chunk.model !== '' ? chunk.model : before.model,
  };
}

function finishOf(reason: string): ChatFinish {
  if (reason === 'length') return 'length';
  return reason === 'content_filter' ? 'filtered' : 'stop';
}

function usageOf(usage: { prompt_tokens?: unknown; completion_tokens?: unknown }): ChatUsage | undefined {
  const promptTokens = Number(usage.prompt_tokens);
  const completionTokens = Number(usage.completion_tokens);
  return Number.isSafeInteger(promptTokens) && Number.isSafeInteger(completionTokens)
    ? { promptTokens, completionTokens }
    : undefined;
}

/** Reasoning models: they accept only `max_completion_tokens`, and no temperature while they reason. */
const reasons = /^(o\d|gpt-([5-9]|\d\d))/;
/** From 5.1 on, reasoning can be switched off; an answer from sources does not need it. */
const mayNotReason = /^gpt-(5\.[1-9]|[6-9]|\d\d)/;

function requestBody(
  model: string,
  { messages, maximumOutputTokens }: ChatRequest,
): ChatCompletionCreateParamsStreaming {
  const limits = reasons.test(model)
    ? {
        max_completion_tokens: maximumOutputTokens,
        ...(mayNotReason.test(model) ? { reasoning_effort: 'none' as const } : {}),
      }
    : { max_tokens: maximumOutputTokens, temperature: 0 };
  return {
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: true,
    stream_options: { include_usage: true },
    ...limits,
  };
}

function providerOf(model: string, baseUrl: string | undefined): string {
  if (model === 'offline') return model;
  const host = baseUrl === undefined ? 'api.openai.com' : URL.parse(baseUrl)?.hostname;
  return host === undefined || host === 'api.openai.com' ? 'openai' : host;
}
