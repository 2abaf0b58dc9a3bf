import type { JsonObject } from './http.ts';
import { invalidParameter } from './openai-error.ts';

export interface ChatMessage {
  readonly role: string;
  /** The text parts, joined; images and the like are left out. */
  readonly text: string;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  /** `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  /** The request as it came, for what is not named here (tools, response_format, limits). */
  readonly body: JsonObject;
}

/** Validates a chat completion request; throws OpenAI's 400. */
export function parseChatRequest(body: JsonObject): ChatRequest {
  const { model, messages, stream = false } = body;
  if (typeof model !== 'string' || model === '') throw invalidParameter('model', 'you must provide a model parameter');
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalidParameter('messages', "'messages' must be an array with at least one message.");
  }
  if (typeof stream !== 'boolean') throw invalidParameter('stream', "'stream' must be a boolean.");
  const options = body.stream_options as { include_usage?: unknown } | null | undefined;
  return {
    model,
    messages: messages.map(parseMessage),
    stream,
    includeUsage: options?.include_usage === true,
    body,
  };
}

function parseMessage(message: unknown, position: number): ChatMessage {
  const { role, content } = (message ?? {}) as JsonObject;
  if (typeof role !== 'string') throw invalidParameter(`messages[${position}].role`, 'every message needs a role');
  return { role, text: contentText(content) };
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (part as JsonObject | null)?.text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}
