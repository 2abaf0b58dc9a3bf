import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import type { ChangeRequest } from './commit-change.ts';

export interface LeasedCall {
  /** The stored answer of an earlier call under the same key: nothing is to be done. */
  readonly replay: { readonly status: number; readonly body: unknown } | undefined;
}

const waitMilliseconds = 2_000;
const pollMilliseconds = 50;
/** A call that has not ended by then has died, and may be made again. */
const leaseSeconds = 60;

/**
 * Takes an `Idempotency-Key` for a call that keeps no transaction open, such as one to a model: a lease in place of a lock. A second
 * caller waits up to two seconds, then replays or is told to come back.
 * @throws idempotency_in_flight · idempotency_mismatch
 */
export async function leaseCall(
  database: Database,
  request: ChangeRequest,
  seconds = leaseSeconds,
): Promise<LeasedCall> {
  if (!request.idempotency) return { replay: undefined };
  const until = performance.now() + waitMilliseconds;
  for (;;) {
    const found = await database.inWorkspace(request.caller, (db) => takeOrRead(db, request, seconds));
    if (found !== 'in flight') return found;
    if (performance.now() >= until) {
      throw new DbragError('idempotency_in_flight', 'A request with this Idempotency-Key is still under way.', {
        retryAfterSeconds: 1,
      });
    }
    await sleep(pollMilliseconds);
  }
}

/** Stores the answer under the key, in the transaction of what the call left behind; ends the lease. */
export async function settleLease(
  db: Db,
  { caller, idempotency }: ChangeRequest,
  answer: { readonly status: number; readonly body: unknown },
): Promise<void> {
  if (!idempotency) return;
  await db.query(
    `UPDATE dbrag.idempotency_keys SET status = $5, headers = '{}', body = $6, leased_until = NULL, expires_at = now() + interval '24 hours'
     WHERE workspace_id = $1 AND caller = $2 AND key = $3 AND request_hash = $4`,
    [
      caller.workspaceId,
      caller.actor,
      idempotency.key,
      idempotency.fingerprint,
      answer.status,
      JSON.stringify(answer.body),
    ],
  );
}

/** Gives the key back unanswered: the call failed, and the next one may try. */
export async function releaseLease(db: Db, { caller, idempotency }: ChangeRequest): Promise<void> {
  if (!idempotency) return;
  await db.query(
    'DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND caller = $2 AND key = $3 AND request_hash = $4 AND status IS NULL',
    [caller.workspaceId, caller.actor, idempotency.key, idempotency.fingerprint],
  );
}

async function takeOrRead(db: Db, request: ChangeRequest, seconds: number): Promise<LeasedCall | 'in flight'> {
  const { caller, idempotency } = request;
  const values = [caller.workspaceId, caller.actor, idempotency?.key, idempotency?.fingerprint];
  const { count } = await db.query(
    `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, leased_until, expires_at)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5), now() + interval '24 hours')
     ON CONFLICT (workspace_id, caller, key) DO UPDATE
       SET request_hash = excluded.request_hash, status = NULL, headers = NULL, body = NULL, created_at = now(),
           leased_until = excluded.leased_until, expires_at = excluded.expires_at
       WHERE idempotency_keys.expires_at <= now()
         OR (idempotency_keys.status IS NULL AND idempotency_keys.leased_until <= now()
           AND idempotency_keys.request_hash = excluded.request_hash)`,
    [...values, seconds],
  );
  if (count > 0) return { replay: undefined };
  const { rows } = await db.query<{ same: boolean; status: number | null; body: unknown }>(
    `SELECT request_hash = $4 AS same, status, body FROM dbrag.idempotency_keys
     WHERE workspace_id = $1 AND caller = $2 AND key = $3`,
    values,
  );
  const row = rows[0];
  // Given back between the two statements: the next round takes it.
  if (!row) return 'in flight';
  if (!row.same) throw new DbragError('idempotency_mismatch', 'This Idempotency-Key was used for another request.');
  return row.status === null ? 'in flight' : { replay: { status: row.status, body: row.body } };
}
