import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { authenticate } from '../aws/authenticate.ts';
import { AwsError } from '../aws/aws-error.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import { type FunctionRunner, TooManyRequests } from './function-runner.ts';
import type { LambdaService } from './lambda-service.ts';

export interface InvokeApiOptions {
  /** Asked at each call: functions need this API's address before they can be made. */
  readonly lambda: () => LambdaService;
  readonly authorizer: Authorizer;
  /** How long a synchronous call waits for a busy function before it is throttled. */
  readonly waitMilliseconds?: number;
}

const defaultWaitMilliseconds = 10_000;
const largestPayload = 6 * 1024 * 1024;

/** Lambda's `Invoke` over HTTP, for `AWS_ENDPOINT_URL_LAMBDA`; the caller listens and closes. */
export function createInvokeApi(options: InvokeApiOptions): Server {
  return createServer((request, response) => {
    void serve(options, request, response).catch((error: unknown) => refuse(response, error));
  });
}

async function serve(options: InvokeApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readPayload(request);
  const { method = 'GET', url = '/', headers } = request;
  const signed = { method, url, headers, service: 'lambda', body };
  const { principal } = await authenticate(signed, options.authorizer, Date.now());
  const runner = requestedFunction(options.lambda(), method, url);
  const { arn } = runner.function;
  if (!options.authorizer.allows(principal, 'lambda:InvokeFunction', arn)) {
    throw new AwsError('AccessDeniedException', accessDeniedMessage(principal, 'lambda:InvokeFunction', arn), 403);
  }
  const event = parsePayload(body);
  const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
  if (type === 'DryRun') return end(response, 204, '');
  if (type === 'Event') {
    options.lambda().invokeLater(runner, event);
    return end(response, 202, '');
  }
  await answer(options, runner, event, response);
}

async function answer(
  options: InvokeApiOptions,
  runner: FunctionRunner,
  event: string,
  response: ServerResponse,
): Promise<void> {
  const waitMilliseconds = options.waitMilliseconds ?? defaultWaitMilliseconds;
  const result = await runner.invoke(event, { waitMilliseconds }).catch((error: unknown) => {
    if (error instanceof TooManyRequests) throw new AwsError('TooManyRequestsException', error.message, 429);
    throw error;
  });
  response.setHeader('x-amz-executed-version', '$LATEST');
  if (result.succeeded && Buffer.byteLength(result.payload) <= largestPayload) {
    end(response, 200, result.payload);
    return;
  }
  response.setHeader('x-amz-function-error', 'Unhandled');
  const tooLarge = {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${largestPayload} bytes).`,
  };
  end(response, 200, JSON.stringify(result.succeeded ? tooLarge : result.error));
}

/** `/2015-03-31/functions/<name or ARN>/invocations` */
function requestedFunction(lambda: LambdaService, method: string, url: string): FunctionRunner {
  const [, given] = /^\/2015-03-31\/functions\/([^/?]+)\/invocations/.exec(url) ?? [];
  if (method !== 'POST' || given === undefined) {
    throw new AwsError('UnknownOperationException', `The local lambda has no operation ${method} ${url}`, 404);
  }
  const decoded = decodeURIComponent(given);
  const name = /:function:([^:]+)/.exec(decoded)?.[1] ?? decoded.split(':')[0] ?? '';
  const runner = lambda.find(name);
  if (runner) return runner;
  throw new AwsError('ResourceNotFoundException', `Function not found: ${decoded}`, 404);
}

async function readPayload(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestPayload) {
      throw new AwsError('RequestTooLargeException', `Request must be smaller than ${largestPayload} bytes`, 413);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsePayload(body: Buffer): string {
  const text = body.length === 0 ? '{}' : body.toString();
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json', 400);
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  const { code, message, status } =
    error instanceof AwsError ? error : new AwsError('ServiceException', String(error), 500);
  response.setHeader('x-amzn-errortype', code);
  end(response, status, JSON.stringify({ Type: status < 500 ? 'User' : 'Service', Message: message }));
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'x-amzn-requestid': randomUUID(),
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
