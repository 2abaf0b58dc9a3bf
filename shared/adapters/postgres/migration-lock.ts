import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

// Any numbers, the same in every version: runs exclude each other by them.
const transactionLock = 7_041_996_001;
const sessionLock = 7_041_996_002;
const attempts = 8;

/**
 * One transaction under the migration lock. A live system holds locks for moments: rather than queueing behind them, and every
 * reader behind us, it gives up after 2 s and tries again.
 */
export async function locked<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(${transactionLock})`);
      await client.query(`SET LOCAL lock_timeout = '2s'`);
      const result = await work();
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK');
      if (attempt === attempts || !isPassing(error)) throw error;
      await delay(50 * 2 ** attempt);
    }
  }
}

/** Locks, and "tuple concurrently updated": roles are the cluster's, and the lock is one database's. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  const concurrent = error.code === 'XX000' && error.message.includes('concurrently');
  return concurrent || error.code === '55P03' || error.code === '40P01' || error.code === '40001';
}

/**
 * Work that is no transaction, by one run at a time. Asked for again and again, since whoever waits for a lock holds a snapshot, and an
 * index that is built concurrently waits for all snapshots. A run that fails lets go of it when its session ends.
 */
export async function alone<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const { rows } = await client.query<{ held: boolean }>(`SELECT pg_try_advisory_lock(${sessionLock}) AS held`);
    if (rows[0]?.held) break;
    await delay(200);
  }
  const result = await work();
  await client.query(`SELECT pg_advisory_unlock(${sessionLock})`);
  return result;
}
