import type { APIGatewayProxyEvent } from 'aws-lambda';
import { expect, it } from 'vitest';
import { requestOf } from '../../../functions/runtime/gateway-event.ts';

const event = (headers: Record<string, string[]>) =>
  ({
    path: '/v1/search',
    httpMethod: 'POST',
    body: '{}',
    multiValueHeaders: headers,
  }) as unknown as APIGatewayProxyEvent;

it.each(['漢字', 'a\r\nx-injected: b', 'a\0b'])('leaves a header out whose value is %j', (value) => {
  const { headers } = requestOf(event({ authorization: [value], accept: ['text/plain', 'a\tb é'] }));
  expect(Object.fromEntries(headers)).toMatchObject({ accept: 'text/plain, a\tb é' });
  expect(headers.has('authorization')).toBe(false);
  expect(headers.has('x-injected')).toBe(false);
});
