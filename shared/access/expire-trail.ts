import type { Database, Db } from '../core/database.ts';
import { recordAudit } from './audit.ts';

/** A transaction lets go of no more seals than this. */
const sealsAtOnce = 200;
export const defaultAuditRetentionDays = 365;

/**
 * Lets go of what is past a workspace's retention, from the beginning of its chain on and by whole seals. Where the chain begins now
 * is its checkpoint, and an event says so: a chain that was cut by anybody else has none.
 * @returns how many events went
 */
export async function expireTrail(
  database: Database,
  workspaceId: string,
  days: number,
  hasTime: () => boolean = () => true,
): Promise<number> {
  let total = 0;
  for (;;) {
    const events = await database.inWorkspace({ workspaceId }, (db) => expireOnce(db, workspaceId, days));
    total += events ?? 0;
    if (events === undefined || !hasTime()) return total;
  }
}

/** @returns undefined when nothing was past its time */
async function expireOnce(db: Db, workspaceId: string, days: number): Promise<number | undefined> {
  const { rows } = await db.query<{ checkpoint: number }>(
    'SELECT checkpoint_number::int AS checkpoint FROM dbrag.audit_chains WHERE workspace_id = $1 FOR NO KEY UPDATE',
    [workspaceId],
  );
  const checkpoint = rows[0]?.checkpoint;
  if (checkpoint === undefined) return undefined;
  const { rows: past } = await db.query<{ number: number; hash: Buffer }>(
    `SELECT number::int, hash FROM dbrag.audit_seals s
     WHERE workspace_id = $1 AND number > $2 AND number <= $2 + $4 AND rooted_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM dbrag.audit_seals young WHERE young.workspace_id = $1 AND young.number > $2 AND young.number <= s.number
         AND young.last_at >= now() - make_interval(days => $3))
     ORDER BY number DESC LIMIT 1`,
    [workspaceId, checkpoint, days, sealsAtOnce],
  );
  const last = past[0];
  if (!last) return undefined;
  const { count } = await db.query('DELETE FROM dbrag.audit_events WHERE workspace_id = $1 AND seal <= $2', [
    workspaceId,
    last.number,
  ]);
  await db.query('DELETE FROM dbrag.audit_seals WHERE workspace_id = $1 AND number <= $2', [workspaceId, last.number]);
  await db.query('UPDATE dbrag.audit_chains SET checkpoint_number = $2, checkpoint_hash = $3 WHERE workspace_id = $1', [
    workspaceId,
    last.number,
    last.hash,
  ]);
  const detail = { through: String(last.number), hash: last.hash.toString('hex'), events: count };
  const origin = { requestId: '', ip: null, userAgent: null };
  await recordAudit(db, workspaceId, 'retention', origin, [
    { action: 'audit.expire', resourceType: 'audit', resourceId: null, detail },
  ]);
  return count;
}

/** Drops the months that hold no event of anybody any more: each chain was let go of before, and keeps its checkpoint. */
export async function dropTrailMonths(database: Database): Promise<void> {
  await database.inSystem(async (db) => {
    // The role that may look across workspaces says how old the oldest event is; nothing is ever written so far back.
    await db.query('SET LOCAL ROLE dbrag_system');
    const { rows } = await db.query<{ oldest: Date | null }>('SELECT min(at) AS oldest FROM dbrag.audit_events');
    await db.query('SET LOCAL ROLE dbrag_owner');
    await db.query(
      `CALL dbrag.drop_months_before('dbrag.audit_events', least($1::timestamptz, now() - interval '60 days'))`,
      [rows[0]?.oldest ?? new Date()],
    );
  });
}
