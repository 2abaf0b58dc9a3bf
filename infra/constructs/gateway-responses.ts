import { ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';

interface Problem {
  readonly id: string;
  readonly type: ResponseType;
  readonly status: number;
  readonly title: string;
  readonly code: string;
  /** In place of what API Gateway says of it. */
  readonly detail?: string;
}

/** API Gateway's own error responses, in the same format as the functions' responses. */
const problems: readonly Problem[] = [
  {
    id: 'TooLarge',
    type: ResponseType.REQUEST_TOO_LARGE,
    status: 413,
    title: 'Payload too large',
    code: 'payload_too_large',
    detail: 'A request body may have 4 MiB. Send larger documents by POST /v1/uploads.',
  },
  { id: 'Throttled', type: ResponseType.THROTTLED, status: 429, title: 'Too many requests', code: 'rate_limited' },
  {
    id: 'QuotaExceeded',
    type: ResponseType.QUOTA_EXCEEDED,
    status: 429,
    title: 'Quota exceeded',
    code: 'quota_exceeded',
  },
  { id: 'Timeout', type: ResponseType.INTEGRATION_TIMEOUT, status: 504, title: 'Timeout', code: 'timeout' },
  { id: 'Failure', type: ResponseType.INTEGRATION_FAILURE, status: 503, title: 'Overloaded', code: 'overloaded' },
  { id: 'Filtered', type: ResponseType.WAF_FILTERED, status: 403, title: 'Forbidden', code: 'forbidden' },
  {
    id: 'NotFound',
    type: ResponseType.MISSING_AUTHENTICATION_TOKEN,
    status: 404,
    title: 'Not found',
    code: 'not_found',
  },
  { id: 'BadBody', type: ResponseType.BAD_REQUEST_BODY, status: 400, title: 'Bad request', code: 'malformed_json' },
  { id: 'Other4xx', type: ResponseType.DEFAULT_4XX, status: 400, title: 'Bad request', code: 'malformed_json' },
  { id: 'Other5xx', type: ResponseType.DEFAULT_5XX, status: 500, title: 'Internal error', code: 'internal' },
];

/** Answers that no function gives: problem+json, readable by browsers of an allowed origin. */
export function addGatewayResponses(api: RestApi, corsOrigins: readonly string[]): void {
  for (const { id, type, status, title, code, detail } of problems) {
    api.addGatewayResponse(id, {
      type,
      statusCode: String(status),
      responseHeaders: {
        'content-type': "'application/problem+json'",
        'x-request-id': 'context.requestId',
        ...corsHeader(corsOrigins),
        ...retryHeader(status),
      },
      templates: { 'application/json': problemTemplate(title, status, code, detail) },
    });
  }
}

const gatewayMessage = '$context.error.messageString';

/** `messageString` comes with its quotes and escapes; anything else could break the JSON. */
function problemTemplate(title: string, status: number, code: string, message = gatewayMessage): string {
  const problem = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    detail: message,
    instance: '$context.requestId',
    code,
    error: { message, type: title, code, param: null },
  });
  return problem.replaceAll(`"${gatewayMessage}"`, gatewayMessage);
}

/** A gateway response cannot look at the request's origin, so it can name one origin only. */
function corsHeader(origins: readonly string[]): Record<string, string> {
  const [only, ...others] = origins;
  return only !== undefined && others.length === 0 ? { 'access-control-allow-origin': `'${only}'` } : {};
}

function retryHeader(status: number): Record<string, string> {
  return status === 429 || status === 503 ? { 'retry-after': "'1'" } : {};
}
