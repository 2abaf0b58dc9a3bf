import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RequestHandler } from '../../../functions/runtime/http-function.ts';
import type { Services } from '../../../functions/runtime/services.ts';
import { installAwslambda } from '../../../infra/local/lambda/awslambda-global.ts';
import { ResponseStream } from '../../../infra/local/lambda/response-stream.ts';

const event = {
  httpMethod: 'POST',
  path: '/v1/queries',
  headers: {},
  requestContext: { requestId: 'r', identity: {} },
};
const context = { getRemainingTimeInMillis: () => 10_000 } as Context;
const services = {
  log: { begin() {}, requestAnswered() {}, flush() {} },
  errors: { note: async () => {} },
} as unknown as Services;

describe('a streaming function', () => {
  let streamFunction: typeof import('../../../functions/runtime/stream-function.ts').streamFunction;
  beforeAll(async () => {
    installAwslambda();
    ({ streamFunction } = await import('../../../functions/runtime/stream-function.ts'));
  });

  /** Runs one invocation; `sent` is what was handed over. */
  const run = (handle: RequestHandler) => {
    const sent: string[] = [];
    const stream = new ResponseStream((_, data) => {
      sent.push(Buffer.from(data).toString());
      stream.acknowledge();
    });
    const handler = streamFunction(handle, services) as unknown as (...given: unknown[]) => Promise<void>;
    return { sent, stream, ended: handler(event, stream, context) };
  };
  /** A body that says a word every few milliseconds and never ends by itself. */
  const endless = (onCancel: () => void | Promise<void>) =>
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        await sleep(5);
        controller.enqueue(Buffer.from('word '));
      },
      cancel: onCancel,
    });

  it('hands status, headers and body over', async () => {
    const { sent, ended } = run(async () => new Response('héllo', { status: 201, headers: { 'x-a': '1' } }));
    await ended;
    const all = sent.join('');
    expect(all).toContain('"statusCode":201');
    expect(all).toContain('"x-a":"1"');
    expect(all.endsWith('héllo')).toBe(true);
  });

  it('ends without an error when the client leaves, once the work behind the answer has ended', async () => {
    let cancelled = false;
    const work = Promise.withResolvers<void>();
    const { sent, stream, ended } = run(async (_, { waitUntil }) => {
      waitUntil(work.promise);
      return new Response(
        endless(() => {
          cancelled = true;
        }),
      );
    });
    while (!sent.some((part) => part.includes('word'))) await sleep(5);
    stream.readerGone();
    await sleep(50);
    expect(cancelled).toBe(true);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    await sleep(20);
    expect(isOver).toBe(false);
    work.resolve();
    await expect(ended).resolves.toBe(undefined);
  });

  it('is told that the client left while it waits for the next word', async () => {
    const cancelled = Promise.withResolvers<void>();
    const silent = new ReadableStream<Uint8Array>({
      pull: () => new Promise(() => {}),
      cancel: () => cancelled.resolve(),
    });
    const { stream, ended } = run(async () => new Response(silent));
    await sleep(20);
    stream.readerGone();
    await cancelled.promise;
    await ended;
  });

  it('waits for what its answer does at its end when the client leaves', async () => {
    let isDone = false;
    const body = endless(async () => {
      await sleep(50);
      isDone = true;
    });
    const { sent, stream, ended } = run(async () => new Response(body));
    while (!sent.some((part) => part.includes('word'))) await sleep(5);
    stream.readerGone();
    await ended;
    expect(isDone).toBe(true);
  });

  it('tells its handler that the client left before there was an answer, and ends', async () => {
    let isCancelled = false;
    const { stream, ended } = run(async (_, { left }) => {
      await new Promise((resolve) => left.addEventListener('abort', resolve));
      return new Response(
        endless(() => {
          isCancelled = true;
        }),
      );
    });
    await sleep(20);
    stream.readerGone();
    await ended;
    expect(isCancelled).toBe(true);
  });

  it('fails when the answer itself fails', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('of our own')),
    });
    await expect(run(async () => new Response(broken)).ended).rejects.toThrow('of our own');
  });
});
