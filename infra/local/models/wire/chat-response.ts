import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as text. */
  readonly arguments: string;
}

export interface ChatAnswer {
  readonly model: string;
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason: string;
  readonly usage?: ChatUsage;
}

export function usageOf(promptTokens: number, completionTokens: number): ChatUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

function newId(): string {
  return `chatcmpl-${randomUUID()}`;
}

const nowInSeconds = () => Math.floor(Date.now() / 1000);

function toolCallParts(toolCalls: readonly ToolCall[]) {
  return toolCalls.map(({ id, name, arguments: text }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: text },
  }));
}

/** The whole answer as one object. */
export function completionBody(answer: ChatAnswer) {
  const { model, content, toolCalls, finishReason, usage } = answer;
  const message = {
    role: 'assistant',
    content: toolCalls ? null : content,
    refusal: null,
    ...(toolCalls && { tool_calls: toolCallParts(toolCalls).map(({ index: _, ...call }) => call) }),
  };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason }];
  return { id: newId(), object: 'chat.completion', created: nowInSeconds(), model, choices, ...(usage && { usage }) };
}

/** The answer as server-sent chunks: a role, the pieces, the end, and the usage when it was asked for. */
export function completionChunks(answer: ChatAnswer, pieces: readonly string[], includeUsage: boolean): object[] {
  const { model, toolCalls, finishReason, usage } = answer;
  const base = { id: newId(), object: 'chat.completion.chunk', created: nowInSeconds(), model };
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    ...base,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  });
  return [
    chunk({ role: 'assistant', content: toolCalls ? null : '', refusal: null }),
    ...(toolCalls ? toolCallParts(toolCalls).map((call) => chunk({ tool_calls: [call] })) : []),
    ...(toolCalls ? [] : pieces.map((content) => chunk({ content }))),
    chunk({}, finishReason),
    ...(includeUsage && usage ? [{ ...base, choices: [], usage }] : []),
  ];
}

/** Pieces of about a token, blanks kept with the word that follows them. */
export function piecesOf(content: string): string[] {
  return content.match(/\s*\S{1,12}|\s+$/g) ?? [];
}

export function startEventStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
}

export function writeEvent(response: ServerResponse, event: object | '[DONE]'): void {
  response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
}
