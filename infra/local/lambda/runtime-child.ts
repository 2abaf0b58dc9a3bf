/**
 * The Node process of one execution environment: loads one handler, then runs one event at a time. It is started by
 * `ExecutionEnvironment` with nothing but the environment that Lambda would give it.
 */
import { flushCompileCache } from 'node:module';
import { installAwslambda, isStreaming } from './awslambda-global.ts';
import { loadHandler } from './load-handler.ts';
import type { FunctionError, MessageFromRuntime, MessageToRuntime, RuntimeInvocation } from './messages.ts';
import { ended, ResponseStream } from './response-stream.ts';

const send = (message: MessageFromRuntime): void => {
  process.send?.(message);
};

/** Lambda reports a thrown value by its name, message and stack, and wraps what is no error. */
function functionError(error: unknown): FunctionError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

function contextOf(invocation: RuntimeInvocation): object {
  const { requestId, functionArn, deadline } = invocation;
  return {
    awsRequestId: requestId,
    invokedFunctionArn: functionArn,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

type Handler = (event: unknown, ...rest: unknown[]) => unknown;

const openStreams = new Map<string, ResponseStream>();

async function runStreaming(handler: Handler, event: unknown, invocation: RuntimeInvocation): Promise<string> {
  const { requestId } = invocation;
  const stream = new ResponseStream((contentType, data) => send({ type: 'chunk', requestId, contentType, data }));
  openStreams.set(requestId, stream);
  try {
    await handler(event, stream, contextOf(invocation));
    await ended(stream);
    return '';
  } finally {
    openStreams.delete(requestId);
  }
}

async function run(handler: Handler, invocation: RuntimeInvocation): Promise<void> {
  const { requestId } = invocation;
  process.env._X_AMZN_TRACE_ID = invocation.traceId;
  try {
    const event = JSON.parse(invocation.event) as unknown;
    const payload = isStreaming(handler)
      ? await runStreaming(handler as Handler, event, invocation)
      : // A handler that gives nothing answers `null`.
        (JSON.stringify(await handler(event, contextOf(invocation))) ?? 'null');
    send({ type: 'succeeded', requestId, payload });
  } catch (error) {
    console.error('Invoke Error', error);
    send({ type: 'failed', requestId, error: functionError(error) });
  }
}

async function main(): Promise<void> {
  // The whole process group hears Ctrl-C; it is the parent's to end this process in good order.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  installAwslambda();
  const handler = (await loadHandler(process.env.LAMBDA_TASK_ROOT ?? '.', process.env._HANDLER ?? '')) as Handler;
  process.on('message', (message: MessageToRuntime) => {
    if (message.type === 'invoke') void run(handler, message.invocation);
    else if (message.type === 'acknowledge') openStreams.get(message.requestId)?.acknowledge();
    else openStreams.get(message.requestId)?.readerGone();
  });
  send({ type: 'ready' });
  keepCompiled();
}

/** What is compiled is kept for the next environment: Node does so when it exits by itself, and environments end by signals. */
function keepCompiled(): void {
  flushCompileCache();
  // With what the first events have loaded.
  setTimeout(flushCompileCache, 5_000).unref();
}

main().catch((error: unknown) => {
  console.error(error);
  process.send?.({ type: 'initialisation_failed', error: functionError(error) }, () => process.exit(1));
});
