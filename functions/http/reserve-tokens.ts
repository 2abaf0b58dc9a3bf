import { releaseLease } from '../../shared/access/lease-call.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { reserveChatTokens } from '../../shared/limits/token-quota.ts';
import type { RouteContext } from './route.ts';

/**
 * Reserves the chat tokens that a call may use of the day's quota, after its lease was taken and before any model is called.
 * @returns the reservation, to be released when the real usage is recorded; null if no quota applies
 * @throws quota_exceeded or rate_limited, after releasing the lease
 */
export async function reserveTokens(
  context: Pick<RouteContext<unknown, unknown, Caller>, 'caller' | 'services' | 'origin' | 'idempotency'>,
): Promise<string | null> {
  const { caller, services } = context;
  const { database, clock } = services;
  const quotas = await services.quotas.of(caller.workspaceId);
  if ((quotas.limits.chat_tokens ?? null) === null) return null;
  try {
    return await database.inWorkspace(caller, (db) => reserveChatTokens(db, caller.workspaceId, quotas, clock.now()));
  } catch (error) {
    await database.inWorkspace(caller, (db) => releaseLease(db, context));
    throw error;
  }
}
