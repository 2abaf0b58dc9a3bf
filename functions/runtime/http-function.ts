import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import type { RequestOrigin } from '../../shared/core/caller.ts';
import { problemResponse } from '../http/problem.ts';
import { functionServices } from './function-services.ts';
import { requestOf, resultOf } from './gateway-event.ts';
import type { Received } from './received-request.ts';
import type { Services } from './services.ts';
import type { TextAnswer } from './text-answer.ts';

/** Handles a request that was translated from the gateway's event, with the services of the environment. */
export type RequestHandler = (
  request: Received,
  bindings: {
    origin: RequestOrigin;
    services: Services;
    deadline: number;
    waitUntil: (work: Promise<unknown>) => void;
    /** Aborted when the caller is known to have left; an answer in one piece has nobody to tell. */
    left: AbortSignal;
    /** Hears the template of the route that was found: what is logged, since a path may hold the name of a person. */
    routed: (template: string) => void;
  },
) => Promise<Response | TextAnswer>;

/** In place of a template, where no route was found. */
const unrouted = 'no route';

/** The Lambda handler of a buffered REST route. */
export function httpFunction(handle: RequestHandler, services: Services = functionServices()) {
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>({ requestEnd: () => services.log.flush() }).handler(
    async (event, context) => {
      const behind: Promise<unknown>[] = [];
      const response = await serve(handle, services, event, context, (work) => behind.push(work));
      const result = await resultOf(response);
      if (behind.length > 0) await Promise.allSettled(behind);
      await services.errors.note();
      return result;
    },
  );
}

/** Serves one gateway event and records how it went. */
export async function serve(
  handle: RequestHandler,
  services: Services,
  event: APIGatewayProxyEvent,
  context: Context,
  waitUntil: (work: Promise<unknown>) => void,
  left: AbortSignal = new AbortController().signal,
): Promise<Response | TextAnswer> {
  const origin = originOf(event);
  const started = performance.now();
  services.log.begin(context, origin.requestId);
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const route = { method: event.httpMethod, path: unrouted };
  const routed = (template: string) => {
    route.path = template;
  };
  const response = await answerAnyway(services, route, origin.requestId, () =>
    handle(requestOf(event), { origin, services, deadline, waitUntil, left, routed }),
  );
  services.log.requestAnswered({
    ...route,
    status: response.status,
    milliseconds: performance.now() - started,
  });
  return response;
}

/** An error breaks one request only: it is answered with 500 and its id, and the next is served. */
async function answerAnyway(
  services: Services,
  route: { readonly method: string; readonly path: string },
  requestId: string,
  work: () => Promise<Response | TextAnswer>,
): Promise<Response | TextAnswer> {
  try {
    return await work();
  } catch (error) {
    services.log.requestFailed(error, route);
    const response = problemResponse(error, requestId);
    response.headers.set('x-request-id', requestId);
    return response;
  }
}

function originOf(event: APIGatewayProxyEvent): RequestOrigin {
  const { requestId, identity } = event.requestContext;
  return { requestId, ip: identity?.sourceIp ?? null, userAgent: identity?.userAgent ?? null };
}
