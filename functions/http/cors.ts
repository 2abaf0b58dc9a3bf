import type { Received } from '../runtime/received-request.ts';

const exposed =
  'x-request-id, location, retry-after, idempotency-replayed, ratelimit, ratelimit-policy, x-ratelimit-limit-requests, ' +
  'x-ratelimit-remaining-requests, x-ratelimit-reset-requests';

/** Headers that let a page of an allowed origin read the answer; none for others, and none where no origin is configured. */
export function corsHeaders(request: Received, origins: readonly string[]): Record<string, string> {
  const origin = request.headers.get('origin');
  if (origin === null || !(origins.includes(origin) || origins.includes('*'))) return {};
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed, vary: 'Origin' };
}

export function preflight(allowed: Record<string, string>): Response {
  if (!('access-control-allow-origin' in allowed)) return new Response(null, { status: 403 });
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'authorization, x-api-key, content-type, idempotency-key, last-event-id, x-dbrag-workspace',
      'access-control-max-age': '600',
    },
  });
}
