import { type Caller, mayActAs, type Narrowing, type RateLimits, type Role } from '../core/caller.ts';
import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import { hashApiKey, newApiKeySecret } from './api-key.ts';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly collection_ids: readonly string[] | null;
  readonly connection_ids: readonly string[] | null;
  readonly rate_limits: RateLimits | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
}

export interface NewApiKey extends Narrowing {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: string | null;
  readonly rateLimits: RateLimits | null;
  readonly createdBy: string;
}

const columns = 'id, name, role, collection_ids, connection_ids, rate_limits, created_at, expires_at, last_used_at';

/** The few characters by which a person knows a key again. */
export function hintOf(secret: string): string {
  return `${secret.slice(0, 10)}…${secret.slice(-4)}`;
}

/** @returns the key and its secret, which is stored nowhere */
export async function createApiKey(
  db: Db,
  workspaceId: string,
  input: NewApiKey,
): Promise<{ apiKey: ApiKey; secret: string }> {
  const secret = newApiKeySecret();
  const { rows } = await db.query<ApiKey>(
    `INSERT INTO dbrag.api_keys (workspace_id, id, name, role, hash, hint, collection_ids, connection_ids, rate_limits, expires_at, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING ${columns}`,
    [
      workspaceId,
      newUuid(),
      input.name,
      input.role,
      hashApiKey(secret),
      hintOf(secret),
      input.collectionIds,
      input.connectionIds,
      input.rateLimits,
      input.expiresAt,
      input.createdBy,
    ],
  );
  return { apiKey: rows[0] as ApiKey, secret };
}

export async function listApiKeys(db: Db, workspaceId: string, { limit, after }: PageRequest): Promise<Page<ApiKey>> {
  const { rows } = await db.query<ApiKey>(
    `SELECT ${columns} FROM dbrag.api_keys
     WHERE workspace_id = $1
       AND ($2::uuid IS NULL OR (created_at, id) < (SELECT a.created_at, a.id FROM dbrag.api_keys a WHERE a.workspace_id = $1 AND a.id = $2))
     ORDER BY created_at DESC, id DESC LIMIT $3 + 1`,
    [workspaceId, after ?? null, limit],
  );
  return pageOf(rows, limit);
}

/**
 * Deletes a key: it is refused at once by the database, and by what remembers it within 30 s. A narrowed caller finds only keys that
 * are narrowed as far.
 * @throws not_found · forbidden for a key that may more than the caller, whom it could otherwise be taken from by those below ·
 * conflict for the last one that may do everything
 */
export async function revokeApiKey(db: Db, caller: Pick<Caller, 'workspaceId' | 'role'>, id: string): Promise<void> {
  const owning = await holdOwningKeys(db, caller.workspaceId);
  const { rows } = await db.query<{ role: Role }>(
    'SELECT role FROM dbrag.api_keys WHERE workspace_id = $1 AND id = $2 FOR UPDATE',
    [caller.workspaceId, id],
  );
  const key = rows[0];
  if (!key) throw notFound('apiKey');
  if (!mayActAs(caller, key.role)) throw new DbragError('forbidden', 'This key has more rights than the caller.');
  if (owning.length === 1 && owning[0] === id)
    throw new DbragError(
      'conflict',
      'This is the last key of an owner of the whole workspace: make another one first.',
    );
  await db.query('DELETE FROM dbrag.api_keys WHERE workspace_id = $1 AND id = $2', [caller.workspaceId, id]);
}

/** Keys of owners that see everything and are valid, held in one order: of two that are revoked at once, the second is the last one. */
async function holdOwningKeys(db: Db, workspaceId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.api_keys
     WHERE workspace_id = $1 AND role = 'owner' AND collection_ids IS NULL AND connection_ids IS NULL
       AND (expires_at IS NULL OR expires_at > now())
     ORDER BY id FOR UPDATE`,
    [workspaceId],
  );
  return rows.map((row) => row.id);
}
