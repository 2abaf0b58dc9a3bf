import { type Narrowing, type Role, roles } from '../core/caller.ts';
import type { Database } from '../core/database.ts';
import type { ClaimNames } from '../core/identity-provider.ts';
import { tryParsePublicId } from '../core/ids.ts';
import type { VerifiedToken } from './verify-token.ts';

/** What somebody may do in one workspace. */
export interface Membership extends Narrowing {
  readonly workspaceId: string;
  readonly role: Role;
}

/** More than any person is a member of; a token that claims more claims nothing. */
const mostWorkspaces = 100;

/** Where somebody may go: by the claims of an issuer that can mint them, else by the members that each workspace lists. */
export async function membershipsOf(database: Database, token: VerifiedToken): Promise<readonly Membership[]> {
  const { claims: names, issuer } = token.provider;
  if (names && token.claims[names.workspace] !== undefined) {
    return (await Promise.all(claimedMemberships(token, names).map((one) => ifActive(database, one)))).flat();
  }
  const { rows } = await database.inSystem((db) =>
    db.query<{ workspace_id: string; role: Role; collection_ids: string[] | null; connection_ids: string[] | null }>(
      'SELECT workspace_id, role, collection_ids, connection_ids FROM dbrag.find_memberships($1, $2)',
      [issuer, token.subject],
    ),
  );
  return rows.map((row) => ({
    workspaceId: row.workspace_id,
    role: row.role,
    collectionIds: row.collection_ids,
    connectionIds: row.connection_ids,
  }));
}

/** A claim in an unexpected form grants nothing: a list of collections that cannot be read counts as empty. */
function claimedMemberships({ claims }: VerifiedToken, names: ClaimNames): readonly Membership[] {
  const role = words(claims[names.role]).reduce<Role | undefined>(stronger, undefined);
  if (role === undefined) return [];
  const workspaces = words(claims[names.workspace]).map((id) => tryParsePublicId('workspace', id));
  if (workspaces.length > mostWorkspaces) return [];
  const narrowedTo = (name: string | undefined, kind: 'collection' | 'connection') => {
    if (name === undefined || claims[name] === undefined) return null;
    return words(claims[name]).flatMap((id) => tryParsePublicId(kind, id) ?? []);
  };
  const collectionIds = narrowedTo(names.collections, 'collection');
  const connectionIds = narrowedTo(names.connections, 'connection');
  return [...new Set(workspaces)].flatMap((workspaceId) =>
    workspaceId === undefined ? [] : { workspaceId, role, collectionIds, connectionIds },
  );
}

function words(claim: unknown): readonly string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((word) => typeof word === 'string');
}

function stronger(best: Role | undefined, word: string): Role | undefined {
  const role = roles.find((one) => one === word);
  return role !== undefined && (best === undefined || roles.indexOf(role) > roles.indexOf(best)) ? role : best;
}

async function ifActive(database: Database, membership: Membership): Promise<Membership[]> {
  const { workspaceId } = membership;
  const { count } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query(`SELECT FROM dbrag.workspaces WHERE id = $1 AND status = 'active'`, [workspaceId]),
  );
  return count > 0 ? [membership] : [];
}
