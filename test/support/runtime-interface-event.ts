import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEvent } from 'aws-lambda';

/** What API Gateway would hand to the function for a request with an API key. */
export function gatewayEvent(
  method: 'GET' | 'POST',
  path: string,
  apiKey: string,
  body?: object,
): APIGatewayProxyEvent {
  const headers = {
    Authorization: `Bearer ${apiKey}`,
    Host: 'localhost',
    'User-Agent': 'bench',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  };
  const id = randomUUID();
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: {
      accountId: '000000000000',
      apiId: 'direct',
      authorizer: null,
      protocol: 'HTTP/1.1',
      httpMethod: method,
      path,
      stage: 'live',
      requestId: id,
      extendedRequestId: id,
      requestTimeEpoch: Date.now(),
      resourceId: 'direct',
      resourcePath: '/{proxy+}',
      identity: { sourceIp: '127.0.0.1', userAgent: 'bench' } as APIGatewayProxyEvent['requestContext']['identity'],
    },
  };
}

/** The decoded body of a function's answer that is a success; throws for every other. */
export function bodyOf<T>(payload: string): T {
  const { statusCode, body } = JSON.parse(payload) as { statusCode: number; body: string };
  if (statusCode >= 300) throw new Error(`${statusCode}: ${body}`);
  return JSON.parse(body) as T;
}
