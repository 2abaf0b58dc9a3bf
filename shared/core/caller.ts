/** What a caller may do, weakest first: each role may do what those before it may. */
export const roles = ['reader', 'editor', 'admin', 'owner'] as const;
export type Role = (typeof roles)[number];

/** What a caller may see of a workspace. Null: all of it; an empty list: none. Nothing else exists for this caller. */
export interface Narrowing {
  readonly collectionIds: readonly string[] | null;
  readonly connectionIds: readonly string[] | null;
}

/** The class by which a request is rate limited, depending on what it costs: each route names its own. */
export const requestClasses = ['ask', 'read', 'write', 'poll'] as const;
export type RequestClass = (typeof requestClasses)[number];

/** Requests a minute, beside what holds for its subject and its workspace; a class that is not named has those alone. */
export type RateLimits = { readonly [Class in RequestClass]?: number | undefined };

/** A person, as named by a token. */
export interface CallerSubject {
  /** UUID of the row in `subjects`. */
  readonly id: string;
  /** As the issuer calls them: the `sub` of their tokens. */
  readonly name: string;
}

/** The authenticated caller. */
export interface Caller extends Narrowing {
  readonly workspaceId: string;
  readonly role: Role;
  /** Public id of the key (`key_…`) or subject (`sub_…`): what the audit trail names. */
  readonly actor: string;
  /** Null if the caller came with a token. */
  readonly apiKeyId: string | null;
  /** Null if the caller came with a key. */
  readonly subject: CallerSubject | null;
  /** The key's own limits; null: it has none. */
  readonly rateLimits: RateLimits | null;
}

export const wholeWorkspace: Narrowing = { collectionIds: null, connectionIds: null };

export function isNarrowed({ collectionIds, connectionIds }: Narrowing): boolean {
  return collectionIds !== null || connectionIds !== null;
}

export function mayActAs(caller: Pick<Caller, 'role'>, needed: Role): boolean {
  return roles.indexOf(caller.role) >= roles.indexOf(needed);
}

/** Where a request came from: kept with the audit row of what it changed. */
export interface RequestOrigin {
  readonly requestId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** The same, encrypted, for storage. Absent where nothing is stored, or no key was available. */
  readonly sealed?: SealedOrigin;
}

/** Where a request came from, as ciphertext. */
export interface SealedOrigin {
  /** UUID of the workspace whose trail it is for. */
  readonly workspaceId: string;
  /** UUID of whose key reads it: a subject's, or the workspace's. */
  readonly holder: string;
  readonly bytes: Buffer;
}
