import type { Caller, RateLimits, Role } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { publicId } from '../core/ids.ts';
import { Remembered } from './remembered.ts';

/** A revoked key works on for at most this long in an execution environment that has seen it: half of what is promised. */
const keptMilliseconds = 30_000;
/** Unknown keys are kept too, so that hammering with one costs no look-ups; bounded, so that hammering with many costs no memory. */
const keptKeys = 1_000;
const lastUseMilliseconds = 60_000;

export interface ApiKeyDirectory {
  /** @param hash SHA-256 of the whole key. @returns undefined for a key that is unknown, revoked or expired */
  find(hash: Buffer): Promise<Caller | undefined>;
}

interface KeyRow {
  workspace_id: string;
  id: string;
  role: Role;
  collection_ids: string[] | null;
  connection_ids: string[] | null;
  rate_limits: RateLimits | null;
  expires_at: Date | null;
  last_used_at: Date | null;
}

/** API keys from the database, remembered for 30 s in this process. */
export function createApiKeyDirectory(database: Database, clock: Clock): ApiKeyDirectory {
  const known = new Remembered<Caller | undefined>(keptKeys);
  return {
    async find(hash) {
      const name = hash.toString('base64');
      const now = clock.now().getTime();
      const kept = known.get(name, now);
      if (kept) return kept.value;
      const row = await database.inSystem((db) => lookUp(db, hash));
      const expiry = row?.expires_at?.getTime() ?? Number.POSITIVE_INFINITY;
      const caller = row && callerOf(row);
      known.set(name, caller, Math.min(now + keptMilliseconds, expiry));
      // When a key was used last is told to people: it refuses nobody that it cannot be written, and the next look-up tries again.
      if (row) await recordUse(database, row, now).catch(() => undefined);
      return caller;
    },
  };
}

async function lookUp(db: Db, hash: Buffer): Promise<KeyRow | undefined> {
  const { rows } = await db.query<KeyRow>(
    'SELECT workspace_id, id, role, collection_ids, connection_ids, rate_limits, expires_at, last_used_at FROM dbrag.find_api_key($1)',
    [hash],
  );
  return rows[0];
}

function callerOf(row: KeyRow): Caller {
  return {
    workspaceId: row.workspace_id,
    role: row.role,
    actor: publicId('apiKey', row.id),
    apiKeyId: row.id,
    subject: null,
    collectionIds: row.collection_ids,
    connectionIds: row.connection_ids,
    rateLimits: row.rate_limits,
  };
}

/** At most once a minute: when a key was used last matters to people, not to the millisecond. */
async function recordUse(database: Database, row: KeyRow, now: number): Promise<void> {
  if (row.last_used_at && now - row.last_used_at.getTime() < lastUseMilliseconds) return;
  await database.inWorkspace({ workspaceId: row.workspace_id }, (db) =>
    db.query('UPDATE dbrag.api_keys SET last_used_at = now() WHERE workspace_id = $1 AND id = $2', [
      row.workspace_id,
      row.id,
    ]),
  );
}
