import type { ServerResponse } from 'node:http';
import type { RestApi } from '../assembly/model.ts';

/** What API Gateway answers by itself, without or in spite of the function. */
export type GatewayErrorType =
  | 'MISSING_AUTHENTICATION_TOKEN'
  | 'REQUEST_TOO_LARGE'
  /** No type of API Gateway's, which says the limit and not how it answers: as any other 4xx. */
  | 'HEADERS_TOO_LARGE'
  | 'THROTTLED'
  | 'INTEGRATION_TIMEOUT'
  | 'INTEGRATION_FAILURE';

const defaults: Readonly<Record<GatewayErrorType, { readonly status: number; readonly message: string }>> = {
  MISSING_AUTHENTICATION_TOKEN: { status: 403, message: 'Missing Authentication Token' },
  REQUEST_TOO_LARGE: { status: 413, message: 'Request Too Long' },
  HEADERS_TOO_LARGE: { status: 431, message: 'Request Header Fields Too Large' },
  THROTTLED: { status: 429, message: 'Too Many Requests' },
  INTEGRATION_TIMEOUT: { status: 504, message: 'Endpoint request timed out' },
  INTEGRATION_FAILURE: { status: 502, message: 'Internal server error' },
};

/**
 * Writes the gateway response of the template, or of its `DEFAULT_4XX`/`DEFAULT_5XX`, or API Gateway's own.
 * A function without a free environment is answered as `THROTTLED`; a function that failed, or whose answer is not in
 * the form of a proxy integration, as 502.
 */
export function respondFromGateway(
  api: RestApi,
  response: ServerResponse,
  type: GatewayErrorType,
  requestId: string,
): void {
  const { status, message } = defaults[type];
  const family = status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
  const own = api.gatewayResponses.find((candidate) => candidate.type === type);
  const chosen = own ?? api.gatewayResponses.find((candidate) => candidate.type === family);
  const statusCode = chosen?.statusCode ?? status;
  const context: Readonly<Record<string, string>> = {
    'context.requestId': requestId,
    'context.extendedRequestId': requestId,
    'context.error.message': message,
    'context.error.messageString': JSON.stringify(message),
    'context.error.responseType': type,
  };
  const template = Object.entries(chosen?.templates ?? {})[0];
  const body = fill(template?.[1] ?? '{"message":$context.error.messageString}', context);
  const headers = Object.entries(chosen?.headers ?? {}).map(
    ([name, value]) => [name, value.startsWith('context.') ? (context[value] ?? '') : value] as const,
  );
  response.statusCode = statusCode;
  response.setHeader('Content-Type', template?.[0] ?? 'application/json');
  response.setHeader('x-amzn-RequestId', requestId);
  // One by one: the template's names may be those above in other letters, and are meant instead of them.
  for (const [name, value] of headers) response.setHeader(name, value);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

/** Replaces `$context.a.b` and `${context.a.b}`; a variable that is not known becomes empty, as in API Gateway. */
function fill(template: string, context: Readonly<Record<string, string>>): string {
  return template.replace(
    /\$\{(context(?:\.[A-Za-z]+)+)\}|\$(context(?:\.[A-Za-z]+)+)/g,
    (_, braced?: string, bare?: string) => context[braced ?? bare ?? ''] ?? '',
  );
}
