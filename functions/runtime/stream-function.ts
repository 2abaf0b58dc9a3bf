import { Readable } from 'node:stream';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/executionModeStreamifyResponse';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { type RequestHandler, serve } from './http-function.ts';
import { createServices, type Services } from './services.ts';

/**
 * The Lambda handler of a streamed REST route. What goes on behind an answer has ended before the function does, also when the client
 * left: a function that sleeps does nothing. `requestEnd` is the hook for that, and for metrics: middy's `after` would run at the
 * first byte.
 */
export function streamFunction(handle: RequestHandler, services: Services = createServices()) {
  const behind = new WeakMap<object, Promise<unknown>[]>();
  return middy<APIGatewayProxyEvent>({
    executionMode: executionModeStreamifyResponse,
    async requestEnd({ event }) {
      await Promise.allSettled(behind.get(event as object) ?? []);
      services.log.flush();
    },
  }).handler(async (event, context) => {
    const work: Promise<unknown>[] = [];
    behind.set(event, work);
    const response = await serve(handle, services, event, context, (promise) => work.push(promise));
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body ? Readable.fromWeb(response.body as never) : '',
    };
  });
}
