import { Readable } from 'node:stream';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/executionModeStreamifyResponse';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { type RequestHandler, serve } from './http-function.ts';
import { createServices, type Services } from './services.ts';

/**
 * The Lambda handler of a streamed REST route. Metrics are written in `requestEnd`: middy's `after` would run at the first byte.
 */
export function streamFunction(handle: RequestHandler, services: Services = createServices()) {
  return middy<APIGatewayProxyEvent>({
    executionMode: executionModeStreamifyResponse,
    requestEnd: () => services.log.flush(),
  }).handler(async (event, context) => {
    const response = await serve(handle, services, event, context);
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body ? Readable.fromWeb(response.body as never) : '',
    };
  });
}
