import type { ServerResponse } from 'node:http';
import { parseChatRequest } from '../wire/chat-request.ts';
import {
  type ChatAnswer,
  completionBody,
  completionChunks,
  piecesOf,
  startEventStream,
  usageOf,
  writeEvent,
} from '../wire/chat-response.ts';
import { type JsonObject, sendJson } from '../wire/http.ts';
import { estimateTokens } from '../wire/token-count.ts';
import { describeTable } from './describe-table.ts';
import { extractiveAnswer } from './extractive-answer.ts';
import { rewriteQuestion, splitQuestion } from './reword.ts';
import { type Prompt, readPrompt } from './sources.ts';
import { writeSql } from './write-sql.ts';

/** What the `model` of every offline answer says. */
export const OFFLINE_MODEL = 'offline';

/** Answers `POST /v1/chat/completions`, streamed when asked for. */
export function answerChat(body: JsonObject, response: ServerResponse): void {
  const request = parseChatRequest(body);
  const content = contentFor(readPrompt(request.messages));
  const promptTokens = request.messages.reduce((sum, { text }) => sum + estimateTokens(text), 0);
  const answer: ChatAnswer = {
    model: OFFLINE_MODEL,
    content,
    finishReason: 'stop',
    usage: usageOf(promptTokens, estimateTokens(content)),
  };
  if (!request.stream) {
    sendJson(response, 200, completionBody(answer));
    return;
  }
  startEventStream(response);
  for (const chunk of completionChunks(answer, piecesOf(content), request.includeUsage)) writeEvent(response, chunk);
  writeEvent(response, '[DONE]');
  response.end();
}

function contentFor(prompt: Prompt): string {
  switch (prompt.task) {
    case 'describe':
      return describeTable(prompt.asked);
    case 'sql':
      return writeSql(prompt.asked, prompt.question);
    case 'split':
      return splitQuestion(prompt.question);
    case 'rewrite':
      return rewriteQuestion(prompt.question, prompt.earlier);
    case 'answer':
      return extractiveAnswer(prompt);
  }
}
