import { createHash } from 'node:crypto';
import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import { DbragError, notFound, validationFailed } from '../core/errors.ts';
import type { IdentityProvider } from '../core/identity-provider.ts';
import { publicId, tryParsePublicId } from '../core/ids.ts';
import { IssuerKeys, type ReadIssuerDocument } from './issuer-keys.ts';
import { type Membership, membershipsOf } from './memberships.ts';
import { Remembered } from './remembered.ts';
import { subjectIdOf } from './subjects.ts';
import { type VerifiedToken, verifyToken } from './verify-token.ts';

/** A member who was removed, or has another role, acts on for at most this long in a process that knows them. */
const keptMilliseconds = 30_000;
const keptTokens = 1_000;
const keptPeople = 1_000;

export interface TokenDirectory {
  /**
   * The caller that a token identifies, in the workspace that they name or the only one they belong to.
   * @param workspace public id, as the request names it
   * @throws unauthorized · mfa_required · forbidden for somebody who belongs nowhere · not_found for a workspace that is not theirs ·
   * validation_failed when they belong to several and name none · overloaded while the issuer's keys cannot be had
   */
  find(token: string, workspace: string | null): Promise<Caller>;
}

/** People and what they may, remembered for 30 s in this process: their tokens, and where they belong, nowhere included. */
export function createTokenDirectory(
  providers: readonly IdentityProvider[],
  ports: { readonly database: Database; readonly clock: Clock; readonly read: ReadIssuerDocument },
): TokenDirectory {
  const { database, clock, read } = ports;
  const issuers = providers.map((provider) => ({ provider, keys: new IssuerKeys(provider, read, clock) }));
  const tokens = new Remembered<VerifiedToken>(keptTokens);
  const people = new Remembered<readonly Membership[]>(keptPeople);
  const subjects = new Remembered<string>(keptPeople);

  async function verified(token: string, name: string, now: Date): Promise<VerifiedToken> {
    const known = tokens.get(name, now.getTime());
    if (known) return known.value;
    const fresh = await verifyToken(token, issuers, now);
    tokens.set(name, fresh, Math.min(now.getTime() + keptMilliseconds, fresh.expiresAt));
    return fresh;
  }

  async function memberships(token: VerifiedToken, name: string, now: number): Promise<readonly Membership[]> {
    // Claims belong to the token, members to the person.
    const who = token.provider.claims ? name : JSON.stringify([token.provider.issuer, token.subject]);
    const known = people.get(who, now);
    if (known) return known.value;
    const found = await membershipsOf(database, token);
    people.set(who, found, now + keptMilliseconds);
    return found;
  }

  async function subjectId(workspaceId: string, subject: string, now: number): Promise<string> {
    const who = `${workspaceId} ${subject}`;
    const known = subjects.get(who, now);
    if (known) return known.value;
    const id = await database.inWorkspace({ workspaceId }, (db) => subjectIdOf(db, workspaceId, subject));
    subjects.set(who, id, now + keptMilliseconds);
    return id;
  }

  return {
    async find(token, workspace) {
      const now = clock.now();
      const name = createHash('sha256').update(token).digest('base64');
      const known = await verified(token, name, now);
      const membership = choose(await memberships(known, name, now.getTime()), workspace);
      const id = await subjectId(membership.workspaceId, known.subject, now.getTime());
      return {
        ...membership,
        actor: publicId('subject', id),
        apiKeyId: null,
        subject: { id, name: known.subject },
        rateLimits: null,
      };
    },
  };
}

function choose(memberships: readonly Membership[], workspace: string | null): Membership {
  if (workspace !== null) {
    const id = tryParsePublicId('workspace', workspace);
    const named = memberships.find(({ workspaceId }) => workspaceId === id);
    if (!named) throw notFound('workspace');
    return named;
  }
  const [first, ...others] = memberships;
  if (!first)
    throw new DbragError('forbidden', 'You belong to no workspace here. Ask an admin of one to make you a member.');
  if (others.length === 0) return first;
  const names = memberships.map(({ workspaceId }) => publicId('workspace', workspaceId)).join(', ');
  throw validationFailed([
    { pointer: '/x-dbrag-workspace', detail: `You belong to several workspaces; name one: ${names}` },
  ]);
}
