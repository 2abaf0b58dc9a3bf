import { DbragError, type ErrorCode } from '../../core/errors.ts';

const codeOfState: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'auth_failed',
  '28000': 'auth_failed',
  '3D000': 'database_missing',
  '53300': 'too_many_connections',
  // For our own catalog queries, which may be quick a moment later; for a caller's statement there is a separate message.
  '57014': 'timeout',
  '57P01': 'connection_refused',
  '57P02': 'connection_refused',
  '57P03': 'connection_refused',
  '57P05': 'connection_refused',
  '0A000': 'connection_refused',
};

const sentences: Partial<Readonly<Record<ErrorCode, string>>> = {
  connection_refused: 'The database does not take connections at this host and port.',
  auth_failed: 'The database refuses the user or the password.',
  tls_failed: 'TLS could not be established with the database.',
  timeout: 'The database did not answer in time.',
  database_missing: 'The server has no database of this name.',
  too_many_connections: 'The database has no connection free for this user.',
};

const tlsCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_OSSL|EPROTO$|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/;
const timeouts = /^(timeout expired|Query read timeout|Connection terminated due to connection timeout)/i;

/**
 * Classifies a failure of a customer's database into the API's error codes: by SQLSTATE, then by the codes of sockets and TLS, then by the
 * messages of `pg`, which gives its own errors no code. The server's own text is never passed on.
 * @returns undefined for what is the fault of a statement
 */
export function customerFault(error: unknown): DbragError | undefined {
  if (error instanceof DbragError) return error;
  if (!(error instanceof Error)) return undefined;
  const code = codeOf(error as Error & { code?: unknown });
  if (code === undefined) return undefined;
  return new DbragError(code, detailOf(code, error), {
    retryable: code === 'connection_refused' || code === 'timeout' || code === 'too_many_connections',
    cause: error,
  });
}

/** For everything else: a server that breaks down at a statement, or that does not speak PostgreSQL's protocol correctly. */
export function serverFault(error: unknown): DbragError {
  const { code } = (error ?? {}) as { code?: unknown };
  const state = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? ` (SQLSTATE ${code})` : '';
  return new DbragError('connection_refused', `The database does not answer as PostgreSQL does${state}.`, {
    cause: error,
  });
}

function codeOf(error: Error & { code?: unknown }): ErrorCode | undefined {
  const { message } = error;
  const state = typeof error.code === 'string' ? error.code : '';
  // A server that requires TLS reports that as a refused login.
  if (state === '28000' && /no encryption|SSL off/i.test(message)) return 'tls_failed';
  if (Object.hasOwn(codeOfState, state)) return codeOfState[state];
  if (/^08\w{3}$/.test(state)) return 'connection_refused';
  if (tlsCodes.test(state) || /does not support SSL|There was an error establishing an SSL/i.test(message))
    return 'tls_failed';
  if (state === 'ETIMEDOUT' || timeouts.test(message)) return 'timeout';
  if (/^E[A-Z]{4,}$/.test(state)) return 'connection_refused';
  if (/SASL|SCRAM|password/i.test(message) && state === '') return 'auth_failed';
  if (/^Connection terminated|not queryable|Received unexpected|Unknown authentication/i.test(message))
    return 'connection_refused';
  return undefined;
}

function detailOf(code: ErrorCode, error: Error): string {
  const sentence = sentences[code] ?? 'The database cannot be used.';
  if (code !== 'tls_failed') return sentence;
  const reason = tlsReason((error as { code?: unknown }).code, error.message);
  return reason === undefined ? sentence : `${sentence} ${reason}`;
}

function tlsReason(code: unknown, message: string): string | undefined {
  if (/does not support SSL/i.test(message)) return 'The server does not offer it.';
  if (code === 'CERT_HAS_EXPIRED') return 'The certificate has expired.';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'The certificate is for another host; "ssl": "verify-ca" leaves the name out.';
  if (typeof code === 'string' && /SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET)/.test(code))
    return 'The certificate is of an authority that is not known; give it as "ca_certificate".';
  if (/no encryption|SSL off/i.test(message)) return 'The server asks for it.';
  return undefined;
}
