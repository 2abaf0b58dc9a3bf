import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { RestApi } from '../assembly/model.ts';
import { localAccount, localRegion } from '../assembly/names.ts';
import type { Match } from './router.ts';

export interface ReceivedRequest {
  readonly message: IncomingMessage;
  readonly method: string;
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  readonly body: Buffer;
  readonly requestId: string;
  readonly match: Match;
}

type Many = Record<string, string[]>;

/** Without a prototype: a client may call a header or a member of the query `__proto__` or `constructor`. */
const noneYet = (): Many => Object.create(null);

/** The event of a Lambda proxy integration, version 1.0, as a REST API sends it. */
export function proxyEvent(api: RestApi, request: ReceivedRequest): APIGatewayProxyEvent {
  const { message, match, body } = request;
  const multiValueHeaders = headersOf(message);
  const multiValueQuery = queryOf(request.query);
  const binary = matchesMediaType(api.binaryMediaTypes, message.headers['content-type']);
  return {
    resource: match.route.path,
    path: request.path,
    httpMethod: request.method,
    headers: lastValues(multiValueHeaders),
    multiValueHeaders,
    queryStringParameters: multiValueQuery && lastValues(multiValueQuery),
    multiValueQueryStringParameters: multiValueQuery,
    pathParameters: match.pathParameters && { ...match.pathParameters },
    stageVariables: null,
    requestContext: requestContext(api, request),
    body: body.length === 0 ? null : body.toString(binary ? 'base64' : 'utf8'),
    isBase64Encoded: binary && body.length > 0,
  };
}

function requestContext(api: RestApi, request: ReceivedRequest): APIGatewayProxyEvent['requestContext'] {
  const { message, method, path, requestId, match } = request;
  const domainName = `${api.id}.execute-api.${localRegion}.amazonaws.com`;
  const now = new Date();
  return {
    accountId: localAccount,
    apiId: api.id,
    authorizer: null,
    protocol: `HTTP/${message.httpVersion}`,
    httpMethod: method,
    path: `/${api.stageName}${path}`,
    stage: api.stageName,
    domainName,
    domainPrefix: api.id,
    requestId,
    extendedRequestId: requestId,
    requestTime: requestTime(now),
    requestTimeEpoch: now.getTime(),
    resourceId: match.route.path,
    resourcePath: match.route.path,
    identity: {
      accessKey: null,
      accountId: null,
      apiKey: null,
      apiKeyId: null,
      caller: null,
      clientCert: null,
      cognitoAuthenticationProvider: null,
      cognitoAuthenticationType: null,
      cognitoIdentityId: null,
      cognitoIdentityPoolId: null,
      principalOrgId: null,
      sourceIp: sourceIp(message),
      user: null,
      userAgent: message.headers['user-agent'] ?? null,
      userArn: null,
    },
  };
}

/** Names keep the client's spelling, as HTTP/1.1 clients of API Gateway see it; the gateway adds its own. */
function headersOf(message: IncomingMessage): Many {
  const headers = noneYet();
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const name = message.rawHeaders[index] as string;
    const value = message.rawHeaders[index + 1] as string;
    const values = headers[name];
    if (values) values.push(value);
    else headers[name] = [value];
  }
  headers['X-Forwarded-For'] = [...(headers['X-Forwarded-For'] ?? []), sourceIp(message)];
  headers['X-Forwarded-Port'] = [String(message.socket.localPort ?? '')];
  headers['X-Forwarded-Proto'] = ['http'];
  return headers;
}

function queryOf(query: string): Many | null {
  if (query === '') return null;
  const values = noneYet();
  for (const [name, value] of new URLSearchParams(query)) {
    const known = values[name];
    if (known) known.push(value);
    else values[name] = [value];
  }
  return values;
}

const lastValues = (many: Many): Record<string, string> =>
  Object.fromEntries(Object.entries(many).map(([name, values]) => [name, values.at(-1) as string]));

const sourceIp = (message: IncomingMessage): string => (message.socket.remoteAddress ?? '').replace(/^::ffff:/, '');

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (number: number): string => String(number).padStart(2, '0');

/** `20/Nov/2026:12:00:00 +0000`, the form of Apache's logs. */
function requestTime(now: Date): string {
  const day = `${two(now.getUTCDate())}/${months[now.getUTCMonth()]}/${now.getUTCFullYear()}`;
  return `${day}:${two(now.getUTCHours())}:${two(now.getUTCMinutes())}:${two(now.getUTCSeconds())} +0000`;
}

/** Whether one of `types` (`image/png`, `image/*`, or all) covers the first media type of a header. */
export function matchesMediaType(types: readonly string[], header: string | undefined): boolean {
  if (types.includes('*/*')) return true;
  const mediaType = header?.split(/[;,]/)[0]?.trim().toLowerCase();
  if (mediaType === undefined) return false;
  return types.some((type) =>
    type.endsWith('/*') ? mediaType.startsWith(type.slice(0, -1)) : type.toLowerCase() === mediaType,
  );
}
