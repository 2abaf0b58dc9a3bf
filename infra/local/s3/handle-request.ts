import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { authenticate } from '../aws/authenticate.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { Context, S3Request } from './context.ts';
import { addCorsHeaders, answerPreflight } from './cors.ts';
import { errorDocument } from './error-document.ts';
import { noSuchBucket, S3Error } from './errors.ts';
import { concerns, draw } from './faults.ts';
import { BUCKET_OPERATIONS, SERVICE_OPERATIONS } from './operations/index.ts';
import { type RequestTarget, requestTarget } from './request-target.ts';
import { operationOf } from './router.ts';

/** Answers one HTTP request: target, signature, fault, operation; every failure becomes an answer. Never rejects. */
export async function handleRequest(
  context: Context,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = randomUUID();
  response.setHeader('x-amz-request-id', requestId);
  response.setHeader('x-amz-id-2', 'local');
  try {
    await answer(context, message, response, requestId);
  } catch (error) {
    sendError(context, message, response, error, requestId);
  }
}

async function answer(
  context: Context,
  message: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const target = requestTarget(message.url ?? '/');
  const bucket = context.buckets.find(target.bucket)?.settings;
  if (message.method === 'OPTIONS') {
    if (bucket === undefined) throw noSuchBucket(target.bucket);
    answerPreflight(bucket, message, response);
    return;
  }
  addCorsHeaders(bucket, message, response);
  const request = await readRequest(context, message, response, target, requestId);
  await strike(context, request);
  const service = SERVICE_OPERATIONS[request.operation];
  if (service !== undefined) return service(context, request);
  if (bucket === undefined) throw noSuchBucket(target.bucket);
  const operation = BUCKET_OPERATIONS[request.operation];
  if (operation === undefined) throw notImplemented(message);
  return operation(context, { ...request, bucket });
}

async function readRequest(
  context: Context,
  message: IncomingMessage,
  response: ServerResponse,
  { bucket, key, query }: RequestTarget,
  requestId: string,
): Promise<S3Request> {
  const method = message.method ?? 'GET';
  const signed = { method, url: message.url ?? '/', headers: message.headers, service: 's3' };
  // Signatures carry the time of the machine, whatever clock a test gives the server.
  const identity = await authenticate(signed, context.authorizer, Date.now());
  const operation = operationOf(method, bucket, key, query, message.headers);
  if (operation === undefined) throw notImplemented(message);
  return {
    message,
    headers: message.headers,
    response,
    identity,
    requestId,
    operation,
    bucketName: bucket,
    key,
    query,
  };
}

async function strike({ faults }: Context, { operation, key }: S3Request): Promise<void> {
  if (!concerns(faults, operation, key)) return;
  if (faults.delayMilliseconds > 0) await sleep(faults.delayMilliseconds);
  if (draw(faults, faults.slowDownRate)) throw new S3Error('SlowDown', 'Please reduce your request rate.');
}

function notImplemented({ method, url }: IncomingMessage): S3Error {
  return new S3Error('NotImplemented', `The S3 of this machine does not offer ${method} ${url}`);
}

function sendError(
  context: Context,
  message: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  requestId: string,
): void {
  if (response.headersSent || response.destroyed) {
    // The reader left, or the body broke off: only the end of the connection can tell it now.
    if (!isDisconnect(error)) context.log('An S3 answer broke off', { url: message.url, error: detail(error) });
    response.destroy();
    return;
  }
  const refusal =
    error instanceof AwsError
      ? error
      : new S3Error('InternalError', 'We encountered an internal error. Please try again.');
  if (refusal !== error)
    context.log('An S3 request failed', { method: message.method, url: message.url, error: detail(error) });
  const [path = '/'] = (message.url ?? '/').split('?');
  const body = errorDocument(refusal, requestId, path);
  const headers = refusal instanceof S3Error ? refusal.headers : {};
  response.writeHead(refusal.status, {
    ...headers,
    'content-type': 'application/xml',
    ...(message.method !== 'HEAD' && { 'content-length': Buffer.byteLength(body) }),
  });
  response.end(message.method === 'HEAD' ? undefined : body);
  // What is still coming of the body is read and thrown away, so that the sender gets to read the answer.
  message.resume();
}

function isDisconnect(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_UNABLE_TO_PIPE', 'IncompleteBody'].includes(
    String(code),
  );
}

function detail(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
