import type { CallerSubject, RequestOrigin, SealedOrigin } from '../core/caller.ts';
import { close, open, type TrailKeys } from './trail-keys.ts';

/** Who called, and from where: readable only with the person's key. */
export interface OpenedOrigin {
  /** The name that the caller gave; null if none. */
  readonly subject: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
}

const longestAgent = 512;

/** Encrypts a request's origin under the key of the subject it concerns, or under the workspace's key if there is none. */
export async function sealOrigin(
  keys: TrailKeys,
  workspaceId: string,
  subject: CallerSubject | null,
  { ip, userAgent }: Pick<RequestOrigin, 'ip' | 'userAgent'>,
): Promise<SealedOrigin> {
  const holder = subject?.id ?? workspaceId;
  const origin: OpenedOrigin = {
    subject: subject?.name ?? null,
    ip,
    user_agent: userAgent?.slice(0, longestAgent) ?? null,
  };
  const key = await keys.keyOf(workspaceId, holder);
  return {
    workspaceId,
    holder,
    bytes: close(key, Buffer.from(JSON.stringify(origin)), bindingOf(workspaceId, holder)),
  };
}

/** @returns null when the key was destroyed */
export function openOrigin(
  keys: ReadonlyMap<string, Buffer>,
  workspaceId: string,
  holder: string | null,
  sealed: Uint8Array | null,
): OpenedOrigin | null {
  const key = holder === null ? undefined : keys.get(holder);
  if (!key || !sealed || holder === null) return null;
  try {
    return JSON.parse(open(key, sealed, bindingOf(workspaceId, holder)).toString()) as OpenedOrigin;
  } catch {
    // Sealed with a key that was destroyed while a process still held it.
    return null;
  }
}

const bindingOf = (workspaceId: string, holder: string) => `origin ${workspaceId} ${holder}`;
