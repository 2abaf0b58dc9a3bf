/**
 * The process side of the AWS Lambda runtime interface: loads the handler, then asks for events and posts answers, one after the
 * other, as the runtime of the cloud does. Times are told in headers of its own.
 */
import type { Socket } from 'node:net';
import { installAwslambda } from '../../infra/local/lambda/awslambda-global.ts';
import { loadHandler } from '../../infra/local/lambda/load-handler.ts';
import { MessageReader, type WireMessage } from './runtime-interface-wire.ts';

// Not by `import` of the HTTP module: that loads what the handler is to be charged with, and costs more for an event than many handlers
// do. The client of the cloud's runtime is native.
const { connect } = process.getBuiltinModule('node:net');

type Handler = (event: unknown, context: object) => unknown;

const [host, port] = (process.env.AWS_LAMBDA_RUNTIME_API as string).split(':') as [string, string];
const root = '/2018-06-01/runtime/';

let socket: Socket | undefined;
let waiting: ((message: WireMessage) => void) | undefined;

function open(): Socket {
  const reader = new MessageReader((message) => waiting?.(message));
  return (
    connect(Number(port), host)
      .setNoDelay(true)
      .on('data', (data: Buffer) => reader.take(data))
      // Whoever gave the events has gone.
      .on('close', () => process.exit(0))
  );
}

const request = (method: 'GET' | 'POST', path: string, headers: string, body = ''): string =>
  `${method} ${root}${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Sends requests in one go; the answer to the last of them is given, those before have nothing to say. */
function send(requests: readonly string[]): Promise<WireMessage> {
  let left = requests.length;
  socket ??= open();
  return new Promise((resolve) => {
    waiting = (message) => {
      left -= 1;
      if (left === 0) resolve(message);
    };
    socket?.write(requests.join(''));
  });
}

const describe = (error: unknown): string =>
  JSON.stringify({ errorMessage: error instanceof Error ? error.stack : String(error) });

function contextOf(headers: WireMessage['headers']): object {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function load(): Promise<{ handler: Handler; milliseconds: number }> {
  installAwslambda();
  const started = performance.now();
  try {
    const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT as string, process.env._HANDLER as string);
    return { handler: handler as Handler, milliseconds: performance.now() - started };
  } catch (error) {
    await send([request('POST', 'init/error', '', describe(error))]);
    throw error;
  }
}

process.on('SIGTERM', () => process.exit(0));

const { handler, milliseconds } = await load();
const next = request('GET', 'invocation/next', `x-import-milliseconds: ${milliseconds.toFixed(3)}\r\n`);
let event = await send([next]);
for (;;) {
  const path = `invocation/${event.headers['lambda-runtime-aws-request-id']}`;
  const started = performance.now();
  let answer: string;
  try {
    const result = await handler(JSON.parse(event.body), contextOf(event.headers));
    const payload = JSON.stringify(result) ?? 'null';
    const taken = `x-handler-milliseconds: ${(performance.now() - started).toFixed(3)}\r\n`;
    answer = request('POST', `${path}/response`, taken, payload);
  } catch (error) {
    answer = request('POST', `${path}/error`, '', describe(error));
  }
  event = await send([answer, next]);
}
