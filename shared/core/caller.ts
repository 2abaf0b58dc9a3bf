/** What a caller may do, weakest first: each role may do what those before it may. */
export const roles = ['reader', 'editor', 'admin', 'owner'] as const;
export type Role = (typeof roles)[number];

/** Who is asking, once authentication has said so. */
export interface Caller {
  readonly workspaceId: string;
  readonly role: Role;
  /** Public id of the key (`key_…`) or subject (`sub_…`): what the audit trail names. */
  readonly actor: string;
  readonly apiKeyId: string | null;
  /** Null: the whole workspace. Otherwise nothing outside these collections exists for this caller. */
  readonly collectionIds: readonly string[] | null;
}

export function mayActAs(caller: Pick<Caller, 'role'>, needed: Role): boolean {
  return roles.indexOf(caller.role) >= roles.indexOf(needed);
}

/** Where a request came from: kept with the audit row of what it changed. */
export interface RequestOrigin {
  readonly requestId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
}
