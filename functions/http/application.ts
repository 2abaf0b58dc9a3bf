import { createHash } from 'node:crypto';
import { Hono } from 'hono';
import { type Caller, isNarrowed, mayActAs, type RequestOrigin } from '../../shared/core/caller.ts';
import { DbragError, validationFailed } from '../../shared/core/errors.ts';
import type { RateDecision } from '../../shared/limits/rate-limit.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';
import { TextAnswer } from '../runtime/text-answer.ts';
import { AfterErasure } from './after-erasure.ts';
import { authenticateCaller, authenticateOperator, bearsCaller } from './authentication.ts';
import { corsHeaders, preflight } from './cors.ts';
import { problemResponse } from './problem.ts';
import { countRefusal, rateHeaders, requireAdmission, takeRate } from './rate-limits.ts';
import { check, readJsonBody } from './request-body.ts';
import {
  type IdempotencyRequest,
  isResponse,
  type Reply,
  type Route,
  type RouteContext,
  WrittenJson,
} from './route.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { keepTrail, originFor, refused } from './trail.ts';

/** What the trigger knows about a request besides the request itself. */
export interface Bindings {
  readonly origin: RequestOrigin;
  readonly services: Services;
  readonly deadline: number;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Aborted when the caller is known to have left. */
  readonly left: AbortSignal;
  /** Hears the template of the route, for logs: a path may hold the name of a person. */
  readonly routed: (template: string) => void;
}

export type Application = (request: Received, bindings: Bindings) => Promise<Response | TextAnswer>;

/**
 * One handler for a list of routes: it finds the route, says who calls, checks the input against the route's schemas,
 * and turns whatever is thrown into problem+json.
 */
export function createApplication(routes: readonly Route[]): Application {
  const app = new Hono<{ Bindings: Bindings; Variables: { rate: RateDecision | undefined; template: string } }>();
  const erasures = new AfterErasure();
  for (const route of routes) {
    app.on(route.method, honoPath(route.path), async (c) => {
      c.set('template', route.path);
      c.env.routed(route.path);
      const parameters = c.req.param() as Record<string, string>;
      const response = await answer(route, c.req.raw, parameters, c.env, erasures, (decision) =>
        c.set('rate', decision),
      );
      return withHeaders(response, rateHeaders(c.get('rate'))) as Response;
    });
  }
  app.notFound((c) => notRouted(routes, c.req.raw, c.env.origin.requestId));
  app.onError((error, c) => {
    // A rate-limited caller costs nothing more than the request's log line, which says 429.
    const route = { method: c.req.method, path: c.get('template') };
    if (!isRateLimited(error)) c.env.services.log.requestFailed(error, route);
    return withHeaders(problemResponse(error, c.env.origin.requestId), rateHeaders(c.get('rate')));
  });
  return async (request, bindings) => {
    const allowed = corsHeaders(request, bindings.services.config.corsOrigins);
    // Hono reads method and URL of a request, and hands on whatever a handler answers.
    const response = request.method === 'OPTIONS' ? preflight(allowed) : await app.fetch(request as Request, bindings);
    return withHeaders(addSecurityHeaders(response), { 'x-request-id': bindings.origin.requestId, ...allowed });
  };
}

const nothingHere = 'There is nothing at this path; /docs describes what there is.';

const isRateLimited = (error: unknown): boolean => error instanceof DbragError && error.code === 'rate_limited';

function withHeaders<R extends Response | TextAnswer>(response: R, headers: Readonly<Record<string, string>>): R {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

async function answer(
  route: Route,
  request: Received,
  parameters: Record<string, string>,
  bindings: Bindings,
  erasures: AfterErasure,
  tellRate: (decision: RateDecision | undefined) => void,
): Promise<Response | TextAnswer> {
  const { services, deadline, waitUntil, left } = bindings;
  const asked = { route, request, services, origin: bindings.origin, waitUntil };
  const erased = { reply: undefined as Reply | undefined };
  const caller = await admit(route, request, bindings, erasures).catch(async (error: unknown) => {
    erased.reply = await erasures.replyTo(route, request, parameters, services, error);
    return erased.reply ? null : refused(asked, error);
  });
  if (erased.reply) return responseOf(erased.reply);
  requireStorable(parameters);
  const limit = async (subject: string | null) => {
    if (caller === null || route.rate === 'none') return;
    const decision = await takeRate(services, caller, route.rate, subject);
    tellRate(decision);
    requireAdmission(decision, route.rate);
  };
  // A question is counted for whom it is asked, and its body says whom. Nothing else is read before it is known to be admitted.
  const isAsked = route.rate === 'ask' && route.body !== undefined;
  if (!isAsked) await limit(null);
  const body = route.body
    ? await readJsonBody(request, {
        checksText: route.describedBody === undefined,
        mayBeEmpty: route.method === 'POST' && route.body.safeParse({}).success,
      })
    : undefined;
  if (isAsked) await limit(subjectOf(body));
  const context: RouteContext<unknown, unknown, Caller | null> = {
    caller,
    parameters,
    query: route.query ? await check(route.query, queryOf(request)) : undefined,
    body: route.body ? await check(route.body, body) : undefined,
    origin: await originFor(asked, caller),
    idempotency: route.idempotent ? idempotencyOf(request, body) : undefined,
    services,
    request,
    deadline,
    waitUntil,
    left,
  };
  const reply = await route.handle(context as never);
  keepTrail(asked, caller, parameters, reply);
  return responseOf(reply);
}

/** The subject a question is asked for; any other value is rejected with the rest of the body. */
function subjectOf(body: unknown): string | null {
  const subject = (body as { subject?: unknown } | null)?.subject;
  return typeof subject === 'string' ? subject : null;
}

async function admit(
  route: Route,
  request: Received,
  { services, origin }: Bindings,
  erasures: AfterErasure,
): Promise<Caller | null> {
  try {
    return await authenticate(route, request, services);
  } catch (error) {
    throw erasures.isKnown(route, request, services) ? error : await countRefusal(services, origin.ip, error);
  }
}

async function authenticate(route: Route, request: Received, services: Services): Promise<Caller | null> {
  if (route.access === 'anyone') return null;
  if (route.access === 'operator') {
    await authenticateOperator(request, services);
    return null;
  }
  if (route.access === 'operator_or_admin' && !bearsCaller(request)) {
    await authenticateOperator(request, services);
    return null;
  }
  const caller = await authenticateCaller(request, services);
  const role = route.access === 'operator_or_admin' ? 'admin' : route.access;
  if (!mayActAs(caller, role))
    throw new DbragError('forbidden', `This needs the role ${role}; you have ${caller.role}.`);
  if (route.wholeWorkspace && isNarrowed(caller))
    throw new DbragError(
      'forbidden',
      'This concerns the whole workspace; you may see some of its collections or connections.',
    );
  return caller;
}

function responseOf(reply: Reply | Response): Response | TextAnswer {
  if (isResponse(reply)) return reply;
  if (reply.body === undefined) return new TextAnswer('', reply.status, reply.headers);
  const text = reply.body instanceof WrittenJson ? reply.body.text : JSON.stringify(reply.body);
  return new TextAnswer(text, reply.status, { ...reply.headers, 'content-type': 'application/json' });
}

/** @throws not_found for a segment that no database holds: nothing has such a name */
function requireStorable(parameters: Readonly<Record<string, string>>): void {
  if (Object.values(parameters).some((value) => value.includes('\0'))) throw new DbragError('not_found', nothingHere);
}

/** Members of the query by name; whole numbers are turned into numbers where a schema wants one (`z.coerce`). */
function queryOf(request: Received): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name in query) throw validationFailed([{ pointer: `/${name}`, detail: 'Given twice' }]);
    if (value.includes('\0')) throw validationFailed([{ pointer: `/${name}`, detail: 'Text must not hold U+0000' }]);
    query[name] = value;
  }
  return query;
}

function idempotencyOf(request: Received, body: unknown): IdempotencyRequest | undefined {
  const key = request.headers.get('idempotency-key');
  if (key === null) return undefined;
  if (key.length < 1 || key.length > 255 || !/^[\x21-\x7e]+$/.test(key)) {
    throw validationFailed([
      { pointer: '/idempotency-key', detail: 'Idempotency-Key must be 1 to 255 printable ASCII characters' },
    ]);
  }
  const fingerprint = createHash('sha256')
    .update(`${request.method} ${new URL(request.url).pathname}\n`)
    .update(JSON.stringify(body ?? null))
    .digest();
  return { key, fingerprint };
}

/** A path that exists with another method is 405 and says which methods it has. */
function notRouted(routes: readonly Route[], request: Received, requestId: string): Response {
  const { pathname } = new URL(request.url);
  const methods = routes.filter((route) => matches(route.path, pathname)).map((route) => route.method);
  if (methods.length === 0) return problemResponse(new DbragError('not_found', nothingHere), requestId);
  const allow = [...new Set(methods)].join(', ');
  const response = problemResponse(new DbragError('method_not_allowed', `This path allows ${allow}.`), requestId);
  response.headers.set('allow', allow);
  return response;
}

function matches(template: string, pathname: string): boolean {
  const expected = template.split('/');
  const actual = pathname.split('/');
  return (
    expected.length === actual.length &&
    expected.every((part, i) => (part.startsWith('{') ? actual[i] !== '' : part === actual[i]))
  );
}

function honoPath(template: string): string {
  return template.replaceAll(/\{(\w+)\}/g, ':$1');
}
