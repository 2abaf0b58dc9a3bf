/**
 * Default security headers of every response, unless it sets others itself: no sniffing, HTTPS only, never
 * cached, and no page. A response may contain somebody's documents.
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
