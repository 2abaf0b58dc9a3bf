import type { z } from 'zod/mini';
import type { Caller, RequestClass, RequestOrigin, Role } from '../../shared/core/caller.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';

type Schema = z.ZodMiniType;
type Output<S> = S extends Schema ? z.output<S> : undefined;

/** JSON that is written already, as the text of a body. */
export class WrittenJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A route's response. An `undefined` body is an empty response. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Not by `instanceof Response`: that loads fetch into a process that has not used it, an eighth of its first request. */
export function isResponse(reply: Reply | Response): reply is Response {
  return 'arrayBuffer' in reply;
}

/** Who may call: anybody, the operator, or a caller of a workspace with at least this role. */
export type Access = 'anyone' | 'operator' | 'operator_or_admin' | Role;

export interface RouteContext<Query, Body, Who> {
  readonly caller: Who;
  /** Segments of the path, decoded, by the names in the template. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly origin: RequestOrigin;
  readonly idempotency: IdempotencyRequest | undefined;
  readonly services: Services;
  readonly request: Received;
  /** Milliseconds since 1970: when the function that answers is ended. */
  readonly deadline: number;
  /** Work that continues after the response, and must have ended before the function is frozen. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Aborted when the caller is known to have left, which only a streaming function hears; also once an answer has been taken. */
  readonly left: AbortSignal;
}

export interface IdempotencyRequest {
  readonly key: string;
  /** SHA-256 of method, path and body: the same key with another payload is refused. */
  readonly fingerprint: Buffer;
}

/** How the audit trail records a read. If the response is a stream, its handler records it. */
export interface DataAccess {
  readonly action: string;
  readonly resourceType: string;
  /** What was shown, from the response; the resource is the path's `{id}` unless given here. */
  readonly of?: (
    body: never,
    parameters: Readonly<Record<string, string>>,
  ) => { readonly resourceId?: string | null; readonly detail?: Readonly<Record<string, unknown>> };
}

/** One entry of the contract: the app routes, checks and documents by it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{name}` for parameters, as in OpenAPI. */
  readonly path: string;
  readonly access: Access;
  /** Which of a caller's limits a request counts for; `none` where there is no caller of a workspace. */
  readonly rate: RequestClass | 'none';
  readonly summary: string;
  readonly tag: string;
  readonly query?: Schema;
  readonly body?: Schema;
  /** The whole body as the contract shows it, where the route checks its parts one by one: a wrong part refuses no other. */
  readonly describedBody?: Schema;
  /** True: honours `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** True: not for callers who are narrowed to some collections or connections. */
  readonly wholeWorkspace?: boolean;
  /** True: served by the streaming function: its answer may be a stream, or it must hear that its caller has left. */
  readonly streaming?: boolean;
  /** Shows what a workspace holds: recorded in the audit trail as such. */
  readonly dataAccess?: DataAccess;
  /** Answers the key that erased its workspace, and is therefore unknown otherwise; undefined for everybody else. */
  readonly afterErasure?: (
    request: Received,
    parameters: Readonly<Record<string, string>>,
    services: Services,
  ) => Promise<Reply | undefined>;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly schema?: Schema;
    readonly contentType?: string;
  };
  readonly handle: (context: RouteContext<never, never, never>) => Promise<Reply | Response>;
}

interface Definition<A extends Access, Q extends Schema | undefined, B extends Schema | undefined>
  extends Omit<Route, 'handle' | 'access' | 'query' | 'body'> {
  readonly access: A;
  readonly query?: Q;
  readonly body?: B;
  readonly handle: (
    context: RouteContext<
      Output<Q>,
      Output<B>,
      A extends Role ? Caller : A extends 'operator_or_admin' ? Caller | null : null
    >,
  ) => Promise<Reply | Response>;
}

/** Gives a route's handler the types that its schemas promise. */
export function defineRoute<
  A extends Access,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(definition: Definition<A, Q, B>): Route {
  return definition as unknown as Route;
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}
