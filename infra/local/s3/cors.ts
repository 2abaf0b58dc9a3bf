import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error } from './errors.ts';
import type { BucketState, CorsRule } from './settings.ts';

/** Adds what a browser needs to see of the answer, when a rule allows the request's origin and method. */
export function addCorsHeaders(
  bucket: BucketState | undefined,
  message: IncomingMessage,
  response: ServerResponse,
): void {
  const { origin } = message.headers;
  if (origin === undefined) return;
  const rule = ruleFor(bucket?.cors ?? [], origin, message.method ?? '', []);
  if (rule !== undefined) setOriginHeaders(response, rule, origin);
}

/** Answers the question that a browser asks before a request. It is never signed. Throws AccessForbidden. */
export function answerPreflight(bucket: BucketState, message: IncomingMessage, response: ServerResponse): void {
  const { origin } = message.headers;
  const method = message.headers['access-control-request-method'];
  if (origin === undefined || method === undefined) {
    throw new S3Error('InvalidRequest', 'Insufficient information. Origin request header needed.');
  }
  const headers = (message.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rule = ruleFor(bucket.cors ?? [], origin, method, headers);
  if (rule === undefined) {
    throw new S3Error(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  setOriginHeaders(response, rule, origin);
  response.setHeader('access-control-allow-methods', rule.allowedMethods.join(', '));
  if (headers.length > 0) response.setHeader('access-control-allow-headers', headers.join(', '));
  if (rule.maxAgeSeconds !== null) response.setHeader('access-control-max-age', String(rule.maxAgeSeconds));
  response.writeHead(200, { 'content-length': '0' }).end();
}

function setOriginHeaders(response: ServerResponse, rule: CorsRule, origin: string): void {
  const anyone = rule.allowedOrigins.includes('*');
  response.setHeader('access-control-allow-origin', anyone ? '*' : origin);
  if (!anyone) response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
  if (rule.exposedHeaders.length > 0)
    response.setHeader('access-control-expose-headers', rule.exposedHeaders.join(', '));
}

function ruleFor(
  rules: readonly CorsRule[],
  origin: string,
  method: string,
  headers: readonly string[],
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.allowedMethods.includes(method) &&
      rule.allowedOrigins.some((pattern) => matches(pattern, origin)) &&
      headers.every((name) => rule.allowedHeaders.some((pattern) => matches(pattern.toLowerCase(), name))),
  );
}

/** At most one `*`, as S3 allows. */
function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return pattern === text;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
}
