import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerChat, OFFLINE_MODEL } from './chat/chat-endpoint.ts';
import { LexicalEmbedder } from './embedding/lexical-embedder.ts';
import { checkTokenLimits, parseEmbeddingsRequest } from './wire/embeddings-request.ts';
import { embeddingsBody, encodeVector } from './wire/embeddings-response.ts';
import {
  type JsonObject,
  type RunningServer,
  readJson,
  routeNotFound,
  sendJson,
  sendText,
  serveLoopback,
} from './wire/http.ts';

export interface ModelServerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly log?: (message: string) => void;
}

/** Starts the offline models on loopback; they speak OpenAI's wire format and need no key. */
export function startModelServer(options: ModelServerOptions = {}): Promise<RunningServer> {
  const embedder = new LexicalEmbedder();
  return serveLoopback(
    async (request, response) => {
      const route = `${request.method} ${new URL(request.url ?? '/', 'http://localhost').pathname}`;
      if (route === 'POST /v1/embeddings') answerEmbeddings(embedder, await readJson(request), response);
      else if (route === 'POST /v1/chat/completions') answerChat(await readJson(request), response);
      else if (route === 'GET /v1/models') sendJson(response, 200, listModels());
      else throw await notFound(request);
    },
    options.port ?? 0,
    options.log ?? (() => undefined),
  );
}

function answerEmbeddings(embedder: LexicalEmbedder, body: JsonObject, response: ServerResponse): void {
  const { model, inputs, dimensions, encoding } = parseEmbeddingsRequest(body);
  const tokens = checkTokenLimits(inputs);
  const embeddings = inputs.map((text, index) => ({
    index,
    vector: encodeVector(embedder.embed(text, dimensions), encoding),
  }));
  sendText(response, 200, embeddingsBody(model, embeddings, tokens), { 'content-type': 'application/json' });
}

function listModels() {
  return { object: 'list', data: [{ id: OFFLINE_MODEL, object: 'model', created: 0, owned_by: 'dbrag' }] };
}

/** The body is read first, else the connection could not be used again. */
async function notFound(request: IncomingMessage): Promise<Error> {
  request.resume();
  return routeNotFound(request);
}
