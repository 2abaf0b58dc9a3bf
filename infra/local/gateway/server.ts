import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { RestApi } from '../assembly/model.ts';
import type { InvocationResult } from '../lambda/execution-environment.ts';
import { type FunctionRunner, TooManyRequests } from '../lambda/function-runner.ts';
import { type GatewayErrorType, respondFromGateway } from './gateway-response.ts';
import { matchesMediaType, proxyEvent, type ReceivedRequest } from './proxy-event.ts';
import { parseBufferedResult } from './proxy-result.ts';
import { discardBody, readBody } from './read-body.ts';
import { Router } from './router.ts';
import { StreamResponse } from './stream-response.ts';

export interface GatewaySettings {
  readonly api: RestApi;
  readonly runner: (functionName: string) => FunctionRunner;
  /** How long a request waits for a busy function before it is throttled. */
  readonly waitMilliseconds?: number;
  /** Requests that would wait longer than this, by what the last ones took, are throttled at once. */
  readonly longestLineMilliseconds?: number;
  /** Pages of the machine itself, by path, which never reach a function. */
  readonly pages?: Readonly<Record<string, () => { readonly contentType: string; readonly body: string }>>;
  /** Told what API Gateway would write to its execution log. */
  readonly log?: (line: string) => void;
}

const defaultWaitMilliseconds = 10_000;
const defaultLongestLineMilliseconds = 250;
/** Lambda's limits for the payload of a synchronous invocation, in and out. */
const maximumPayloadBytes = 6 * 1024 * 1024;
/** API Gateway's limit for the request line and all values of headers together. */
const maximumHeadBytes = 10_240;
/** The header size at which Node closes a connection without any response from us. */
const longestHeadBytes = 8 * maximumHeadBytes;

/** API Gateway's REST API over `node:http`; the caller listens and closes. */
export function createGateway(settings: GatewaySettings): Server {
  const { api } = settings;
  const router = new Router(api.routes);
  const server = createServer({ maxHeaderSize: longestHeadBytes }, (message, response) => {
    void serve(settings, router, message, response).catch((error: unknown) => {
      settings.log?.(`gateway: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      fail(api, response, 'INTEGRATION_FAILURE', 'unknown');
    });
  });
  // API Gateway keeps idle connections for a long time; clients must not meet a close between two requests.
  server.keepAliveTimeout = 75_000;
  return server;
}

async function serve(
  settings: GatewaySettings,
  router: Router,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { api } = settings;
  const requestId = randomUUID();
  const target = message.url ?? '/';
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const method = message.method ?? 'GET';
  const page = settings.pages?.[path];
  if (page && method === 'GET') {
    const { contentType, body } = page();
    response.writeHead(200, { 'Content-Type': contentType }).end(body);
    return;
  }
  if (headBytes(message) > maximumHeadBytes) return fail(api, response, 'HEADERS_TOO_LARGE', requestId);
  const match = router.match(method, path);
  if (!match) return fail(api, response, 'MISSING_AUTHENTICATION_TOKEN', requestId);
  // Before the body is read: what is refused must cost next to nothing.
  if (isCrowded(settings, match.route.functionName)) return fail(api, response, 'THROTTLED', requestId);
  const read = readBody(message);
  const received = read instanceof Promise ? await read : read;
  if (received === 'aborted') return;
  if (received === 'too_large') {
    await discardBody(message);
    return fail(api, response, 'REQUEST_TOO_LARGE', requestId);
  }
  // Others may have come while it was: their bodies were smaller, or their networks faster.
  if (isCrowded(settings, match.route.functionName)) return fail(api, response, 'THROTTLED', requestId);
  const query = question < 0 ? '' : target.slice(question + 1);
  const request: ReceivedRequest = { message, method, path, query, body: received.body, requestId, match };
  const event = JSON.stringify(proxyEvent(api, request));
  if (Buffer.byteLength(event) > maximumPayloadBytes) return fail(api, response, 'REQUEST_TOO_LARGE', requestId);
  if (match.route.streaming) await stream(settings, request, event, response);
  else await answer(settings, request, event, response);
}

/** Of the request line and the values of headers; Node has read each byte as a character. */
function headBytes({ method = '', url = '', rawHeaders }: IncomingMessage): number {
  const line = `${method} ${url} HTTP/1.1`.length;
  return rawHeaders.reduce((total, text, at) => (at % 2 === 1 ? total + text.length : total), line);
}

function isCrowded(settings: GatewaySettings, functionName: string): boolean {
  return settings.runner(functionName).isCrowded(settings.longestLineMilliseconds ?? defaultLongestLineMilliseconds);
}

async function answer(
  settings: GatewaySettings,
  request: ReceivedRequest,
  event: string,
  response: ServerResponse,
): Promise<void> {
  const { api } = settings;
  const { requestId } = request;
  const invocation = invoke(settings, request, event);
  const outcome = await withTimeout(invocation, request.match.route.timeoutMilliseconds);
  if (typeof outcome === 'string') return fail(api, response, outcome, requestId);
  const result = outcome.succeeded ? parseBufferedResult(outcome.payload) : undefined;
  if (!result || (outcome.succeeded && Buffer.byteLength(outcome.payload) > maximumPayloadBytes)) {
    settings.log?.(`gateway: ${requestId} ${describe(outcome)}`);
    return fail(api, response, 'INTEGRATION_FAILURE', requestId);
  }
  // Only an Accept that the API lists as binary turns base64 into bytes.
  const decode = result.isBase64Encoded && matchesMediaType(api.binaryMediaTypes, request.message.headers.accept);
  const body = Buffer.from(result.body, decode ? 'base64' : 'utf8');
  response.writeHead(result.statusCode, {
    'x-amzn-RequestId': requestId,
    ...withContentType(result.headers),
    'Content-Length': body.length,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function stream(
  settings: GatewaySettings,
  request: ReceivedRequest,
  event: string,
  response: ServerResponse,
): Promise<void> {
  const { requestId } = request;
  const reader = new StreamResponse(response);
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const invocation = invoke(settings, request, event, { reader, readerGone: gone.signal });
  const outcome = await withTimeout(invocation, request.match.route.timeoutMilliseconds);
  if (typeof outcome !== 'string' && outcome.succeeded && reader.started) {
    response.end();
    return;
  }
  gone.abort();
  settings.log?.(`gateway: ${requestId} ${typeof outcome === 'string' ? outcome : describe(outcome)}`);
  if (reader.started) response.destroy();
  else fail(settings.api, response, typeof outcome === 'string' ? outcome : 'INTEGRATION_FAILURE', requestId);
}

async function invoke(
  settings: GatewaySettings,
  { match, requestId }: ReceivedRequest,
  event: string,
  streaming: { reader?: StreamResponse; readerGone?: AbortSignal } = {},
): Promise<InvocationResult | GatewayErrorType> {
  const waitMilliseconds = settings.waitMilliseconds ?? defaultWaitMilliseconds;
  try {
    return await settings.runner(match.route.functionName).invoke(event, { waitMilliseconds, requestId, ...streaming });
  } catch (error) {
    if (error instanceof TooManyRequests) return 'THROTTLED';
    throw error;
  }
}

async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T | 'INTEGRATION_TIMEOUT'> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'INTEGRATION_TIMEOUT'>((resolve) => {
    timer = setTimeout(() => resolve('INTEGRATION_TIMEOUT'), milliseconds);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function fail(api: RestApi, response: ServerResponse, type: GatewayErrorType, requestId: string): void {
  if (response.headersSent) response.destroy();
  else respondFromGateway(api, response, type, requestId);
}

/** A proxy answer without a type is JSON to API Gateway. */
function withContentType(headers: Record<string, unknown>): Record<string, never> {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return (named ? headers : { 'Content-Type': 'application/json', ...headers }) as Record<string, never>;
}

function describe(outcome: InvocationResult): string {
  if (outcome.succeeded) return 'Malformed Lambda proxy response';
  return `Lambda execution failed: ${outcome.error.errorType}: ${outcome.error.errorMessage}`;
}
