import { STATUS_CODES } from 'node:http';
import { DbragError, type ErrorCode, type InvalidMember } from '../../shared/core/errors.ts';
import { Outage } from '../../shared/core/outage.ts';

/** RFC 9457 problem details, with the member that OpenAI clients read errors from. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The request id, which a person quotes and an operator searches the logs for. */
  readonly instance: string;
  readonly code: ErrorCode;
  readonly errors?: readonly InvalidMember[];
  readonly error: { message: string; type: string; code: ErrorCode; param: string | null };
}

/** How long callers should wait when a dependency of this service is down. */
const outageSeconds = 5;

/** The public form of an error. Any error that is not ours becomes `internal`, without its text. */
function visible(error: unknown): DbragError {
  if (error instanceof DbragError) return error;
  if (error instanceof Outage)
    return new DbragError(
      'overloaded',
      'A part of this service does not answer right now. Send the request again later.',
      {
        retryAfterSeconds: outageSeconds,
      },
    );
  return new DbragError('internal', 'Something went wrong on our side. Quote the instance to your operator.');
}

export function problemOf(error: unknown, requestId: string): Problem {
  const { code, status, message, errors } = visible(error);
  return {
    type: `https://dbrag.dev/problems/${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    instance: requestId,
    code,
    ...(errors.length > 0 ? { errors } : {}),
    error: { message, type: openAiType(status), code, param: errors[0]?.pointer ?? null },
  };
}

export function problemResponse(error: unknown, requestId: string): Response {
  const problem = problemOf(error, requestId);
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  const { retryAfterSeconds } = visible(error);
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterSeconds)));
  if (problem.status === 401) headers.set('www-authenticate', 'Bearer');
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

function openAiType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
