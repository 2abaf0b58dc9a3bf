import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Authorizer } from '../iam/authorizer.ts';
import { authenticate, type Identity } from './authenticate.ts';
import { AwsError } from './aws-error.ts';

/** Where the stand-ins write what a person at the machine should see. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** A decoded body of a request. */
export type JsonInput = Readonly<Record<string, unknown>>;

/** The context of an operation besides its input. */
export interface JsonCall {
  readonly identity: Identity;
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the caller hangs up or the service closes. */
  readonly signal: AbortSignal;
}

/** One operation; what it returns is the body of the answer. Throws `AwsError` to refuse. */
export type JsonOperation = (input: JsonInput, call: JsonCall) => object | Promise<object>;

/** Thrown by an operation that wants the caller to lose the answer: the socket is cut. */
export class ConnectionCut extends Error {
  override readonly name = 'ConnectionCut';
}

/** A service that speaks AWS JSON 1.0 or 1.1. */
export interface JsonServiceOptions {
  /** The signing name (`sqs`). */
  readonly service: string;
  /** What stands before the dot in `x-amz-target` (`AmazonSQS`). */
  readonly targetPrefix: string;
  readonly version: '1.0' | '1.1';
  /** Namespace of the error's shape (`com.amazonaws.sqs`); without it `__type` is the bare code. */
  readonly errorNamespace?: string;
  /** Translates the shape's name to the code of the old query protocol, sent as `x-amzn-query-error`. */
  readonly queryErrorCode?: (code: string) => string;
  readonly operations: Readonly<Record<string, JsonOperation>>;
  readonly authorizer: Authorizer;
  readonly log: Log;
  /** Bytes; 10 MiB unless told. */
  readonly maximumBody?: number;
}

/** An HTTP server of one service. */
export interface JsonService {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Listens on loopback and gives the endpoint (`http://127.0.0.1:4100`). Port 0, the default, takes a free one. */
  listen(port?: number): Promise<string>;
  close(): Promise<void>;
}

/** Serves `operations`: reads and authenticates a request, dispatches on `x-amz-target`, writes the answer or the error. */
export function createJsonService(options: JsonServiceOptions): JsonService {
  const closing = new AbortController();
  const server = createServer((request, response) => void handle(request, response));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    const hangUp = (): void => gone.abort();
    response.once('close', hangUp);
    closing.signal.addEventListener('abort', hangUp);
    try {
      answer(options, response, 200, await perform(options, request, gone.signal));
    } catch (error) {
      refuse(options, response, error);
    } finally {
      closing.signal.removeEventListener('abort', hangUp);
      // Nobody listens any more, and an abort makes an exception with its stack.
      response.off('close', hangUp);
    }
  }

  return {
    handle,
    listen(port = 0) {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        });
      });
    },
    async close() {
      closing.abort();
      if (!server.listening) return;
      await new Promise<void>((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeIdleConnections();
      });
    },
  };
}

async function perform(options: JsonServiceOptions, request: IncomingMessage, signal: AbortSignal): Promise<object> {
  const body = await readBody(request, options.maximumBody ?? 10 * 1024 * 1024);
  const { method = 'POST', url = '/', headers } = request;
  const signed = { method, url, headers, service: options.service, body };
  // Always the machine's time: clients sign by it, even where the service runs on a virtual clock.
  const identity = await authenticate(signed, options.authorizer, Date.now());
  const [prefix, name = ''] = String(headers['x-amz-target'] ?? '').split('.');
  const known = prefix === options.targetPrefix && Object.hasOwn(options.operations, name);
  const operation = known ? options.operations[name] : undefined;
  if (operation === undefined) {
    throw new AwsError(
      'UnknownOperationException',
      `The local ${options.service} has no operation ${name || '(none)'}`,
    );
  }
  return operation(parse(body), { identity, headers, signal });
}

async function readBody(request: IncomingMessage, maximum: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maximum) throw new AwsError('RequestEntityTooLargeException', `More than ${maximum} bytes`, 413);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function parse(body: Buffer): JsonInput {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    throw new AwsError('SerializationException', 'The body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AwsError('SerializationException', 'The body is not a JSON object');
  }
  return value as JsonInput;
}

function refuse(options: JsonServiceOptions, response: ServerResponse, error: unknown): void {
  if (error instanceof ConnectionCut) {
    response.destroy();
    return;
  }
  if (!(error instanceof AwsError)) {
    options.log(`${options.service} failed`, { error: error instanceof Error ? error.stack : String(error) });
  }
  const known =
    error instanceof AwsError ? error : new AwsError('InternalFailure', 'The local stand-in failed; see its log', 500);
  const { code, message, status, fields } = known;
  const type = options.errorNamespace === undefined ? code : `${options.errorNamespace}#${code}`;
  if (options.queryErrorCode !== undefined) {
    const fault = status < 500 ? 'Sender' : 'Receiver';
    response.setHeader('x-amzn-query-error', `${options.queryErrorCode(code)};${fault}`);
  }
  answer(options, response, status, { __type: type, message, ...fields });
}

function answer(options: JsonServiceOptions, response: ServerResponse, status: number, body: object): void {
  // The caller may have gone while the operation ran.
  if (response.destroyed || response.writableEnded) return;
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': `application/x-amz-json-${options.version}`,
    'content-length': text.length,
    'x-amzn-requestid': randomUUID(),
  });
  response.end(text);
}
