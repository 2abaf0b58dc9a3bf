import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenAiError } from './openai-error.ts';

/** 300,000 tokens are about 1.2 MB of English; a request that is far larger is a mistake. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const HOST = '127.0.0.1';

export type JsonObject = Record<string, unknown>;

/** Reads a JSON object; throws OpenAI's 400 or 413. */
export async function readJson(request: IncomingMessage): Promise<JsonObject> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new OpenAiError(413, 'The request is too large.', { code: 'request_too_large' });
    parts.push(part);
  }
  const value = parseJson(Buffer.concat(parts, bytes).toString());
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notJson();
  return value as JsonObject;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

function notJson(): OpenAiError {
  return new OpenAiError(400, 'We could not parse the JSON body of your request. The body must be a JSON object.');
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: JsonHeaders = {}): void {
  sendText(response, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

export type JsonHeaders = Record<string, string>;

export function sendText(response: ServerResponse, status: number, text: string, headers: JsonHeaders): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(bytes);
}

/** Answers what a handler threw: OpenAI errors as they are, anything else as a 500 that is logged. */
function sendError(response: ServerResponse, error: unknown, log: (message: string) => void): void {
  const known = error instanceof OpenAiError;
  if (!known) log(`model server: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const answer = known ? error : new OpenAiError(500, 'The server had an error.', { type: 'server_error' });
  sendJson(response, answer.status, answer.body());
}

export interface RunningServer {
  readonly port: number;
  /** With `/v1`, as OPENAI_BASE_URL takes it. */
  readonly baseUrl: string;
  close(): Promise<void>;
}

/** Serves on loopback; the handler's errors are answered in OpenAI's shape. */
export async function serveLoopback(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  port: number,
  log: (message: string) => void,
): Promise<RunningServer> {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => sendError(response, error, log));
  });
  // Clients keep connections between bursts; a server that closes first makes their next request fail with ECONNRESET.
  server.keepAliveTimeout = 120_000;
  const actualPort = await listen(server, port);
  return {
    port: actualPort,
    baseUrl: `http://${HOST}:${actualPort}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

export function routeNotFound(request: IncomingMessage): OpenAiError {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  return new OpenAiError(404, `Invalid URL (${request.method} ${path})`, { code: 'unknown_url' });
}
