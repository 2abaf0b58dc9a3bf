import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, Narrowing, RequestOrigin } from '../core/caller.ts';
import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { type AuditEntry, recordAudit } from './audit.ts';

/** The response to a change, and its entry in the audit trail. */
export interface Change {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of a replay, where the original body contains a secret or a signature. */
  readonly replayBody?: unknown;
  readonly audit: readonly AuditEntry[];
}

export interface CommittedChange {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** True: this is the stored answer of an earlier call; nothing was done now. */
  readonly replayed: boolean;
}

export interface ChangeRequest {
  readonly caller: Pick<Caller, 'workspaceId' | 'actor' | keyof Narrowing>;
  readonly origin: RequestOrigin;
  readonly idempotency: { readonly key: string; readonly fingerprint: Buffer } | undefined;
}

const waitMilliseconds = 2_000;
const pollMilliseconds = 50;

/**
 * Does one change in one transaction: the work, its audit rows, and the answer under its `Idempotency-Key`. So a change is stored
 * exactly if its answer is, and a caller that never saw the answer gets it by asking again.
 *
 * A second caller with the same key waits up to two seconds without holding a connection, then replays or is told to come back.
 * @throws idempotency_in_flight · idempotency_mismatch when the key was used for another payload
 */
export async function commitChange(
  database: Database,
  request: ChangeRequest,
  work: (db: Db) => Promise<Change>,
): Promise<CommittedChange> {
  const until = performance.now() + waitMilliseconds;
  for (;;) {
    const committed = await database.inWorkspace(request.caller, (db) => attempt(db, request, work));
    if (committed !== 'in flight') return committed;
    if (performance.now() >= until) {
      throw new DbragError('idempotency_in_flight', 'A request with this Idempotency-Key is still under way.', {
        retryAfterSeconds: 1,
      });
    }
    await sleep(pollMilliseconds);
  }
}

/**
 * The stored answer of an earlier call, if there is one: for callers whose work begins before their transaction does.
 * @throws idempotency_mismatch
 */
export async function findReplay(
  database: Database,
  { caller, idempotency }: ChangeRequest,
): Promise<CommittedChange | undefined> {
  if (!idempotency) return undefined;
  return database.inWorkspace(caller, (db) => findAnswer(db, caller, idempotency));
}

async function attempt(
  db: Db,
  request: ChangeRequest,
  work: (db: Db) => Promise<Change>,
): Promise<CommittedChange | 'in flight'> {
  const { caller, origin, idempotency } = request;
  if (idempotency) {
    if (!(await lockKey(db, caller, idempotency.key))) return 'in flight';
    const earlier = await findAnswer(db, caller, idempotency);
    if (earlier) return earlier;
  }
  const change = await work(db);
  await recordAudit(db, caller.workspaceId, caller.actor, origin, change.audit);
  if (idempotency) await storeAnswer(db, caller, idempotency, change);
  return { status: change.status, body: change.body, headers: change.headers ?? {}, replayed: false };
}

/** A lock that ends with the transaction; not waited for, so that a queue of callers holds no connections. */
async function lockKey(db: Db, caller: ChangeRequest['caller'], key: string): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked',
    [`idempotency ${caller.workspaceId} ${caller.actor} ${key}`],
  );
  return rows[0]?.locked === true;
}

async function findAnswer(
  db: Db,
  caller: ChangeRequest['caller'],
  { key, fingerprint }: { key: string; fingerprint: Buffer },
): Promise<CommittedChange | undefined> {
  const { rows } = await db.query<{ same: boolean; status: number; headers: Record<string, string>; body: unknown }>(
    `SELECT request_hash = $4 AS same, status, headers, body FROM dbrag.idempotency_keys
     WHERE workspace_id = $1 AND caller = $2 AND key = $3 AND expires_at > now()`,
    [caller.workspaceId, caller.actor, key, fingerprint],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  if (!row.same) throw new DbragError('idempotency_mismatch', 'This Idempotency-Key was used for another request.');
  return { status: row.status, body: row.body, headers: row.headers, replayed: true };
}

async function storeAnswer(
  db: Db,
  caller: ChangeRequest['caller'],
  { key, fingerprint }: { key: string; fingerprint: Buffer },
  change: Change,
): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, headers, body, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '24 hours')
     ON CONFLICT (workspace_id, caller, key) DO UPDATE
       SET request_hash = excluded.request_hash, status = excluded.status, headers = excluded.headers, body = excluded.body,
           created_at = now(), expires_at = excluded.expires_at
       WHERE idempotency_keys.expires_at <= now()`,
    [
      caller.workspaceId,
      caller.actor,
      key,
      fingerprint,
      change.status,
      change.headers ?? {},
      JSON.stringify(change.replayBody ?? change.body),
    ],
  );
}
