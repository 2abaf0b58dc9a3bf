/** What Node calls a connection that was not made, or broke, and the SDK of AWS one that took too long. */
const lostConnections = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'TimeoutError',
]);

/**
 * Whether a request of an SDK got no whole answer because of its connection. What failed before anything was sent (no credentials, a request that
 * cannot be made) is none of that, and fails each time.
 */
export function isLostConnection(error: unknown): boolean {
  const { name = '', code = '' } = error as { readonly name?: string; readonly code?: string };
  return lostConnections.has(code) || lostConnections.has(name);
}
