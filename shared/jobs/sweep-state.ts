import type { Database } from '../core/database.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { findUnfinished, type UnfinishedWork } from './unfinished-work.ts';

/** A sweep that is on its way is early enough if it comes at most this much later than wanted. */
const toleranceSeconds = 15;
const atOnceSeconds = 5;

export interface Lease {
  /** UUID. */
  readonly holder: string;
  readonly seconds: number;
}

/**
 * Begins a sweep, unless one is under way. Uses the database's clock, since processes may disagree about the time.
 * @returns the unfinished work; undefined if another sweep is under way
 */
export async function takeLease(
  database: Database,
  { holder, seconds }: Lease,
  pageSize: number,
): Promise<readonly UnfinishedWork[] | undefined> {
  return database.inSystem(async (db) => {
    const { count } = await db.query(
      `UPDATE dbrag.sweep_state SET leased_by = $1, leased_until = now() + make_interval(secs => $2)
       WHERE leased_until IS NULL OR leased_until < now()`,
      [holder, seconds],
    );
    return count > 0 ? findUnfinished(db, pageSize) : undefined;
  });
}

/** @returns false when another sweep has taken over */
export async function renewLease(database: Database, { holder, seconds }: Lease): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET leased_until = now() + make_interval(secs => $2) WHERE leased_by = $1', [
      holder,
      seconds,
    ]),
  );
  return count > 0;
}

export async function releaseLease(database: Database, holder: string): Promise<void> {
  await database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET leased_by = NULL, leased_until = NULL WHERE leased_by = $1', [holder]),
  );
}

/**
 * Whether the holder of the lease crashed before it armed the next sweep, which is the first thing it does. Then the chain has ended.
 */
export async function isAbandoned(database: Database, leaseSeconds: number): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query('SELECT FROM dbrag.sweep_state WHERE leased_until < now() + make_interval(secs => $1)', [
      leaseSeconds - Math.min(atOnceSeconds, leaseSeconds / 2),
    ]),
  );
  return count > 0;
}

/**
 * Keeps one chain of sweeps, however many processes arm one: the next is sent only if none is on its way that comes in time. It is sent
 * before it is recorded: a crash in between causes one sweep too many, while the other order would cause none.
 * @throws when it could not be sent: this sweep is then redelivered, and the chain continues with it
 */
export async function armNext(
  { database, queue }: { database: Database; queue: WorkQueue },
  seconds: number,
  sent: () => Promise<void>,
): Promise<void> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ armed: boolean }>(
      `SELECT coalesce(armed_until BETWEEN now() + make_interval(secs => $1) AND now() + make_interval(secs => $2), false) AS armed
       FROM dbrag.sweep_state`,
      [atOnceSeconds, seconds + toleranceSeconds],
    ),
  );
  if (rows[0]?.armed) return;
  if (!(await sendSweep(queue, seconds))) throw new Error('The next sweep could not be sent.');
  await sent();
  await database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET armed_until = now() + make_interval(secs => $1)', [seconds]),
  );
}

/** @returns whether the queue took it */
export async function sendSweep(queue: WorkQueue, delaySeconds: number): Promise<boolean> {
  return (await queue.send('maintenance', [{ body: { v: 1, kind: 'sweep' }, delaySeconds }])) > 0;
}
