/**
 * The process side of the AWS Lambda runtime interface: loads the handler, then asks for events and posts answers, one after the
 * other, as the runtime of the cloud does. Times are told in headers of its own.
 */
import type { IncomingMessage } from 'node:http';
import { installAwslambda } from '../../infra/local/lambda/awslambda-global.ts';
import { loadHandler } from '../../infra/local/lambda/load-handler.ts';

// Not by `import`: that evaluates every export, `WebSocket` among them, and so loads what the handler is to be charged with.
const { Agent, request } = process.getBuiltinModule('node:http');

type Handler = (event: unknown, context: object) => unknown;

const [host, port] = (process.env.AWS_LAMBDA_RUNTIME_API as string).split(':') as [string, string];
const root = '/2018-06-01/runtime/';
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string) {
  return new Promise<{ message: IncomingMessage; text: string }>((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { host, port, agent, method, path: root + path, headers: { ...headers, ...length } };
    const sent = request(options, (message) => {
      let text = '';
      message.setEncoding('utf8');
      message.on('data', (part: string) => {
        text += part;
      });
      message.on('end', () => resolve({ message, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const describe = (error: unknown): string =>
  JSON.stringify({ errorMessage: error instanceof Error ? error.stack : String(error) });

function contextOf(headers: IncomingMessage['headers']): object {
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
    await call('POST', 'init/error', {}, describe(error));
    throw error;
  }
}

process.on('SIGTERM', () => process.exit(0));

const { handler, milliseconds } = await load();
for (;;) {
  const next = await call('GET', 'invocation/next', { 'x-import-milliseconds': milliseconds.toFixed(3) });
  const path = `invocation/${next.message.headers['lambda-runtime-aws-request-id']}`;
  const started = performance.now();
  try {
    const result = await handler(JSON.parse(next.text), contextOf(next.message.headers));
    const payload = JSON.stringify(result) ?? 'null';
    const taken = { 'x-handler-milliseconds': (performance.now() - started).toFixed(3) };
    await call('POST', `${path}/response`, taken, payload);
  } catch (error) {
    await call('POST', `${path}/error`, {}, describe(error));
  }
}
