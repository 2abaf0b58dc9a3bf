import type { Writable } from 'node:stream';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import { functionServices } from './function-services.ts';
import { type RequestHandler, serve } from './http-function.ts';
import type { Services } from './services.ts';

/**
 * The Lambda handler of a streamed REST route. It ends only after the work behind a response has ended, even if the client has left: a
 * frozen environment does nothing. Middy's own streaming is not used, since it treats a client who leaves as an error of the function.
 */
export function streamFunction(handle: RequestHandler, services: Services = functionServices()) {
  return awslambda.streamifyResponse(async (event: APIGatewayProxyEvent, plain: Writable, context: Context) => {
    const behind: Promise<unknown>[] = [];
    const left = new AbortController();
    // From the beginning: `close` comes only once, and the client may leave before there is an answer.
    plain.once('close', () => left.abort());
    // A broken connection is a client who left, and `close` follows; without a listener it would end the process.
    plain.on('error', () => plain.destroy());
    try {
      const response = await serve(handle, services, event, context, (work) => behind.push(work), left.signal);
      const metadata = { statusCode: response.status, headers: Object.fromEntries(response.headers) };
      await send(response.body, awslambda.HttpResponseStream.from(plain, metadata), left.signal);
    } finally {
      await Promise.allSettled(behind);
      await services.errors.note();
      services.log.flush();
    }
  });
}

/**
 * Forwards a body until it ends or its reader disconnects; then it is cancelled at once, and what it does at its end is waited for.
 * @throws what the body itself failed with
 */
async function send(
  body: ReadableStream<Uint8Array> | string | null,
  stream: Writable,
  signal: AbortSignal,
): Promise<void> {
  const left = leaving(signal);
  // The first write sends status and headers, before there is any text.
  stream.write('');
  if (typeof body === 'string') stream.write(body);
  else if (body) await pump(body, stream, left, signal);
  const ended = Promise.withResolvers<void>();
  stream.end(ended.resolve);
  await Promise.race([ended.promise, left]);
}

function leaving(signal: AbortSignal): Promise<void> {
  const left = Promise.withResolvers<void>();
  if (signal.aborted) left.resolve();
  else signal.addEventListener('abort', () => left.resolve(), { once: true });
  return left.promise;
}

async function pump(
  body: ReadableStream<Uint8Array>,
  stream: Writable,
  left: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const reader = body.getReader();
  // A pending read ends as if the body had ended.
  const cancelled = left.then(() => reader.cancel()).catch(() => {});
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return signal.aborted ? cancelled : undefined;
    if (!stream.write(value)) await Promise.race([drained(stream), left]);
  }
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve));
}
