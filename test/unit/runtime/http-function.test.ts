import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { httpFunction, type RequestHandler } from '../../../functions/runtime/http-function.ts';
import type { Services } from '../../../functions/runtime/services.ts';

const context = { getRemainingTimeInMillis: () => 10_000 } as Context;
const event = (path: string) =>
  ({
    httpMethod: 'GET',
    path,
    body: null,
    headers: {},
    requestContext: { requestId: 'r-1', identity: {} },
  }) as unknown as APIGatewayProxyEvent;

describe('an HTTP function', () => {
  it.each<[string, RequestHandler]>([
    [
      'throws at once',
      () => {
        throw new Error('password=hunter2');
      },
    ],
    [
      'fails later',
      async () => {
        throw new Error('password=hunter2');
      },
    ],
    [
      'throws what is no error',
      async () => {
        throw { password: 'hunter2' };
      },
    ],
  ])('answers 500 with the id of the request when its handler %s, and serves the next one', async (_, broken) => {
    const failures: unknown[] = [];
    const answered: number[] = [];
    const log = {
      begin() {},
      flush() {},
      requestFailed: (error: unknown) => void failures.push(error),
      requestAnswered: ({ status }: { status: number }) => void answered.push(status),
    };
    let handle = broken;
    const handler = httpFunction((...given) => handle(...given), {
      log,
      errors: { note: async () => {} },
    } as unknown as Services);
    const run = (path: string) => handler(event(path), context) as Promise<APIGatewayProxyResult>;
    const answer = await run('/v1/collections');
    expect(answer.statusCode).toBe(500);
    expect(answer.multiValueHeaders).toMatchObject({
      'x-request-id': ['r-1'],
      'content-type': ['application/problem+json'],
    });
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'internal',
      instance: 'r-1',
      error: { type: 'server_error' },
    });
    expect(answer.body).not.toContain('hunter2');
    handle = async () => new Response('fine');
    expect((await run('/v1/collections')).statusCode).toBe(200);
    expect([failures.length, answered]).toEqual([1, [500, 200]]);
  });

  it('logs the template of a route, and never a path, which may hold the name of a person', async () => {
    const lines: unknown[] = [];
    const log = {
      begin() {},
      flush() {},
      requestFailed: (_: unknown, route: object) => void lines.push(route),
      requestAnswered: ({ milliseconds: _, ...line }: { milliseconds: number }) => void lines.push(line),
    };
    let handle: RequestHandler = async (_, { routed }) => {
      routed('/v1/subjects/{name}');
      return new Response('fine');
    };
    const handler = httpFunction((...given) => handle(...given), {
      log,
      errors: { note: async () => {} },
    } as unknown as Services);
    await handler(event('/v1/subjects/ada@example.org'), context);
    handle = async () => {
      throw new Error('broken');
    };
    await handler(event('/v1/nothing/ada@example.org'), context);
    expect(lines).toEqual([
      { method: 'GET', path: '/v1/subjects/{name}', status: 200 },
      { method: 'GET', path: 'no route' },
      { method: 'GET', path: 'no route', status: 500 },
    ]);
  });
});
