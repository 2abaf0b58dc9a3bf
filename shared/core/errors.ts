/** Every stable error code of the API, with its HTTP status. */
export const statusOfCode = {
  malformed_json: 400,
  unauthorized: 401,
  forbidden: 403,
  mfa_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  idempotency_in_flight: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  validation_failed: 422,
  idempotency_mismatch: 422,
  sql_rejected: 422,
  role_too_powerful: 422,
  host_not_allowed: 422,
  rate_limited: 429,
  quota_exceeded: 429,
  internal: 500,
  connection_refused: 502,
  auth_failed: 502,
  tls_failed: 502,
  database_missing: 502,
  too_many_connections: 502,
  model_failed: 502,
  database_resuming: 503,
  model_unavailable: 503,
  overloaded: 503,
  sql_timeout: 504,
  timeout: 504,
} as const;

export type ErrorCode = keyof typeof statusOfCode;

/** What is wrong with a request, and where: a JSON pointer and a sentence. */
export interface InvalidMember {
  readonly pointer: string;
  readonly detail: string;
}

export interface DbragErrorOptions {
  /** The same call may succeed later, unchanged. */
  readonly retryable?: boolean;
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly InvalidMember[];
  /** The message without anything from a customer's rows. Left out if the message itself contains nothing of them. */
  readonly withoutRows?: string | undefined;
  readonly cause?: unknown;
}

/**
 * An error whose message may be shown to the caller. Any other error is answered as `internal`, without its message.
 */
export class DbragError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: readonly InvalidMember[];
  /** The message for readers who must not see rows. */
  readonly withoutRows: string;

  constructor(code: ErrorCode, message: string, options: DbragErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DbragError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.errors = options.errors ?? [];
    this.withoutRows = options.withoutRows ?? message;
  }

  get status(): number {
    return statusOfCode[this.code];
  }
}

/**
 * @param kind what was asked for, as an id kind (`apiKey`) or a noun
 *
 * Also for objects of another workspace: a foreign id and an unknown one must be indistinguishable.
 */
export function notFound(kind: string): DbragError {
  return new DbragError('not_found', `No such ${kind === 'apiKey' ? 'API key' : kind}.`);
}

export function validationFailed(errors: readonly InvalidMember[]): DbragError {
  const first = errors[0];
  return new DbragError(
    'validation_failed',
    first ? `${first.pointer || '/'}: ${first.detail}` : 'The request is not valid.',
    {
      errors,
    },
  );
}
