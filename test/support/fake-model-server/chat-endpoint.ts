import type { ServerResponse } from 'node:http';
import type { ChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import {
  type ChatAnswer,
  completionBody,
  completionChunks,
  piecesOf,
  startEventStream,
  type ToolCall,
  usageOf,
  writeEvent,
} from '../../../infra/local/models/wire/chat-response.ts';
import { OpenAiError } from '../../../infra/local/models/wire/openai-error.ts';
import { estimateTokens } from '../../../infra/local/models/wire/token-count.ts';
import { sendBody } from './fault-answers.ts';
import type { Fault } from './faults.ts';
import { pause } from './latency.ts';

/** One scripted answer; a string is its content. */
export interface ScriptedAnswer {
  readonly content?: string;
  /** Kept for a request that says so in a message: work that goes on from an earlier test takes answers of the queue as well. */
  readonly to?: RegExp;
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason?: string;
  /** Before the first byte. */
  readonly delayMs?: number;
  /** Between the pieces of a stream. */
  readonly pieceDelayMs?: number;
  /** The pieces of a stream, when it matters where they are cut; their sum should be the content. */
  readonly pieces?: readonly string[];
}

export type AnswerFunction = (request: ChatRequest) => string | ScriptedAnswer | Promise<string | ScriptedAnswer>;

/** What the fake says: queued answers first, then the function, then a sentence about the last message. Keeps the requests. */
export class ChatScript {
  readonly requests: ChatRequest[] = [];
  #queue: (string | ScriptedAnswer)[] = [];
  #answer: AnswerFunction = ({ messages }) =>
    `This is the fake model. You said: ${messages.at(-1)?.text.slice(0, 200)}`;

  enqueue(...answers: (string | ScriptedAnswer)[]): void {
    this.#queue.push(...answers);
  }

  answerWith(answer: AnswerFunction): void {
    this.#answer = answer;
  }

  async next(request: ChatRequest): Promise<ScriptedAnswer> {
    this.requests.push(request);
    const place = this.#queue.findIndex((queued) => isFor(queued, request));
    const [queued] = place < 0 ? [] : this.#queue.splice(place, 1);
    const answer = queued ?? (await this.#answer(request));
    return typeof answer === 'string' ? { content: answer } : answer;
  }

  clear(): void {
    this.#queue = [];
    this.requests.length = 0;
  }
}

function isFor(answer: string | ScriptedAnswer, { messages }: ChatRequest): boolean {
  const to = typeof answer === 'string' ? undefined : answer.to;
  return to === undefined || messages.some(({ text }) => to.test(text));
}

function toAnswer(request: ChatRequest, scripted: ScriptedAnswer, fault: Fault | undefined): ChatAnswer {
  const cut = fault?.kind === 'length';
  const content = scripted.content ?? scripted.pieces?.join('') ?? '';
  const text = cut ? content.slice(0, content.length >> 1) : content;
  const broken = fault?.kind === 'invalid-tool-json';
  const toolCalls = broken ? brokenToolCalls(scripted.toolCalls) : scripted.toolCalls;
  const promptTokens = request.messages.reduce((sum, message) => sum + estimateTokens(message.text), 0);
  return {
    model: request.model,
    content: text,
    ...(toolCalls && { toolCalls }),
    finishReason: cut ? 'length' : (scripted.finishReason ?? (toolCalls ? 'tool_calls' : 'stop')),
    ...(fault?.kind !== 'usage-missing' && { usage: usageOf(promptTokens, estimateTokens(text)) }),
  };
}

function brokenToolCalls(
  toolCalls: readonly ToolCall[] = [{ id: 'call_1', name: 'answer', arguments: '{"a":1}' }],
): ToolCall[] {
  return toolCalls.map((call) => ({ ...call, arguments: call.arguments.slice(0, -1) }));
}

/** Sends a scripted answer, whole or streamed, with the fault worked into it. */
export async function sendChat(
  request: ChatRequest,
  scripted: ScriptedAnswer,
  fault: Fault | undefined,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (scripted.delayMs) await pause(scripted.delayMs, signal);
  const answer = toAnswer(request, scripted, fault);
  if (request.stream) {
    await stream(request, scripted, answer, fault, response, signal);
    return;
  }
  const body = completionBody(answer);
  const text = JSON.stringify(fault?.kind === 'empty-choices' ? { ...body, choices: [] } : body);
  await sendBody(text, fault, response, signal);
}

const BREAKING_OFF: ReadonlySet<string> = new Set(['stream-cut', 'hang-body', 'truncated-json', 'stream-error']);

async function stream(
  request: ChatRequest,
  scripted: ScriptedAnswer,
  answer: ChatAnswer,
  fault: Fault | undefined,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (fault?.kind === 'reset-after-processing') {
    response.socket?.resetAndDestroy();
    return;
  }
  if (fault?.kind === 'wrong-content-type') response.writeHead(200, { 'content-type': 'text/html' });
  else startEventStream(response);
  if (fault?.kind === 'keep-alive-forever') return keepAlive(response, signal);
  const pieces = fault?.kind === 'length' ? piecesOf(answer.content) : (scripted.pieces ?? piecesOf(answer.content));
  const chunks = completionChunks(answer, pieces, request.includeUsage);
  const events = fault?.kind === 'empty-choices' ? chunks.map((chunk) => ({ ...chunk, choices: [] })) : chunks;
  const breaksOff = fault !== undefined && BREAKING_OFF.has(fault.kind);
  const delayMs = fault?.kind === 'drip' ? Number(fault.options.ms ?? 1_000) : (scripted.pieceDelayMs ?? 0);
  for (const event of breaksOff ? events.slice(0, Math.ceil(events.length / 2)) : events) {
    if (delayMs > 0) await pause(delayMs, signal);
    if (signal.aborted) return;
    writeEvent(response, event);
  }
  if (breaksOff) return breakOff(fault, response, signal);
  writeEvent(response, '[DONE]');
  response.end();
}

async function breakOff(fault: Fault, response: ServerResponse, signal: AbortSignal): Promise<void> {
  // What was written must be on the wire before a reset overtakes it.
  await pause(fault.kind === 'hang-body' ? Number(fault.options.ms ?? 2 ** 31 - 1) : 20, signal);
  if (fault.kind === 'stream-error') {
    writeEvent(response, new OpenAiError(500, 'The server had an error.', { type: 'server_error' }).body());
    response.end();
  } else if (fault.kind === 'truncated-json') {
    response.end('data: {"id":"chatcmpl-1","object":"chat.compl');
  } else {
    response.socket?.resetAndDestroy();
  }
}

async function keepAlive(response: ServerResponse, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    response.write(': keep-alive\n\n');
    await pause(500, signal);
  }
}
