import { type AuditEntry, systemChain } from '../../shared/access/audit.ts';
import type { Caller, RequestOrigin } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';
import { authenticateCaller } from './authentication.ts';
import { isResponse, type Reply, type Route } from './route.ts';

interface Asked {
  readonly route: Route;
  readonly request: Received;
  readonly services: Services;
  readonly origin: RequestOrigin;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

type Who = Pick<Caller, 'workspaceId' | 'actor' | 'subject'>;

/** Whom the trail names, and in whose chain: the operator's doings are the system's. */
function whoOf(caller: Caller | null): Who {
  return caller ?? { workspaceId: systemChain, actor: 'operator', subject: null };
}

const isChange = ({ method }: Route): boolean => method !== 'GET';

/**
 * The origin that a handler records with a change. For a mere read it is encrypted in parallel with the work.
 */
export async function originFor({ route, services, origin }: Asked, caller: Caller | null): Promise<RequestOrigin> {
  if (route.access === 'anyone' || !isChange(route) || route.dataAccess) return origin;
  const { workspaceId, subject } = whoOf(caller);
  return services.trail.seal(workspaceId, subject, origin);
}

/** After an answer: what was read is recorded, and what was changed is sealed soon. */
export function keepTrail(
  { route, services, origin, waitUntil }: Asked,
  caller: Caller | null,
  parameters: Readonly<Record<string, string>>,
  reply: Reply | Response,
): void {
  if (route.access === 'anyone' || reply.status >= 400) return;
  if (route.dataAccess && !isResponse(reply)) {
    const { action, resourceType, of } = route.dataAccess;
    const told = of?.(reply.body as never, parameters) ?? {};
    const entry = {
      action,
      resourceType,
      resourceId: parameters.id ?? null,
      accessType: 'data_access',
      ...told,
    } as const;
    waitUntil(record(services, caller, origin, entry));
  }
  if (isChange(route)) waitUntil(services.trail.arm());
  if (caller === null && isChange(route)) waitUntil(record(services, null, origin, operatorEntry(route)));
}

const operatorEntry = ({ method, path }: Route): AuditEntry => ({
  action: 'operator.change',
  resourceType: 'service',
  resourceId: null,
  detail: { route: `${method} ${path}` },
});

async function record(
  services: Services,
  caller: Caller | null,
  origin: RequestOrigin,
  entry: AuditEntry,
): Promise<void> {
  const who = whoOf(caller);
  await services.trail.record(who, await services.trail.seal(who.workspaceId, who.subject, origin), entry);
}

/**
 * Records a refused request: in the workspace's chain if one of its callers lacks the right, in the system's chain if the caller is unknown.
 * @throws the error again
 */
export async function refused(asked: Asked, error: unknown): Promise<never> {
  if (error instanceof DbragError && (error.code === 'unauthorized' || error.code === 'forbidden')) {
    const { services, request, route, origin } = asked;
    // Already known, or anonymous: no further database query.
    const caller = error.code === 'forbidden' ? await authenticateCaller(request, services).catch(() => null) : null;
    const who: Who = caller ?? { workspaceId: systemChain, actor: 'anonymous', subject: null };
    const entry = {
      action: error.code === 'forbidden' ? 'authorization.refuse' : 'authentication.refuse',
      resourceType: 'route',
      resourceId: null,
      accessType: 'security',
      outcome: 'denied',
      detail: { route: `${route.method} ${route.path}`, code: error.code },
    } as const;
    const sealed = await services.trail.seal(who.workspaceId, who.subject, origin);
    await services.trail.record(who, sealed, entry);
  }
  throw error;
}
