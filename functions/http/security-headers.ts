/**
 * What every answer says to browsers, unless it says something else itself: what it is and nothing else, for this connection alone, kept by
 * nobody, and no page. An answer may hold somebody's documents.
 */
const defaults: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
};

export function addSecurityHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(defaults))
    if (!response.headers.has(name)) response.headers.set(name, value);
  return response;
}
