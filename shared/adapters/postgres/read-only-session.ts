import type { Client, QueryConfig } from 'pg';
import { DbragError } from '../../core/errors.ts';
import type { CustomerSession } from '../../databases/customer-session.ts';

/** Left to tell the caller what happened, and to tell the server to stop. */
export const reserveMilliseconds = 250;

/** Nothing that is asked here may change anything; the server holds that as well, and the time. */
export async function inReadOnlyTransaction<T>(
  client: Client,
  deadline: number,
  work: (session: CustomerSession) => Promise<T>,
): Promise<T> {
  const left = () => Math.floor(deadline - Date.now() - reserveMilliseconds);
  const send = (text: string, values: readonly unknown[] = []) => {
    const limit = left();
    if (limit <= 0) throw new DbragError('timeout', 'The database did not answer in time.', { retryable: true });
    // The extended protocol takes one statement; without values `pg` would use the one that takes several.
    return client.query({ text, values: [...values], queryMode: 'extended', query_timeout: limit } as QueryConfig);
  };
  const limitTo = (milliseconds: number) =>
    send("SELECT pg_catalog.set_config('statement_timeout', $1, true)", [
      String(Math.max(1, Math.floor(milliseconds))),
    ]);
  await send('BEGIN READ ONLY');
  await send("SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)");
  await limitTo(left());
  const result = await work({
    left,
    async query<Row>(text: string, values?: readonly unknown[]) {
      const { rows } = await send(text, values);
      return rows as Row[];
    },
    async attempt(milliseconds, tried) {
      await send('SAVEPOINT attempted');
      await limitTo(Math.min(milliseconds, left()));
      try {
        return await tried();
      } finally {
        // Of what only reads nothing is lost by going back, and the time limit goes back with it.
        await send('ROLLBACK TO SAVEPOINT attempted');
      }
    },
  });
  await send('ROLLBACK');
  return result;
}
