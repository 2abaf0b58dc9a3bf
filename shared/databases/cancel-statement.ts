import type { CustomerSession } from './customer-session.ts';

/** The name of a session while it runs a caller's statement, so that another session can find it. */
export const sessionNameOf = (statementId: string): string => `dbrag ${statementId}`;

/** The statement may not have started yet: it is connecting, or being planned. */
const lookMilliseconds = [0, 50, 100, 200, 400, 800, 1_600, 1_600];

/**
 * Cancels a statement that nobody waits for any more, from a session of the same role. Between two statements of a transaction there is
 * nothing to cancel, so it repeats until the session was seen and has gone, for 5 s at most; after that its own time limit ends it.
 * @returns whether it was seen
 */
export async function cancelStatement(
  session: CustomerSession,
  statementId: string,
  wait: (milliseconds: number) => Promise<void> = sleep,
): Promise<{ readonly seen: boolean }> {
  let seen = false;
  for (const milliseconds of lookMilliseconds) {
    if (session.left() <= milliseconds) break;
    await wait(milliseconds);
    // A transaction sees the sessions of its first look otherwise.
    await session.query('SELECT pg_catalog.pg_stat_clear_snapshot()');
    const found = await session.query(cancel, [sessionNameOf(statementId)]);
    if (seen && found.length === 0) break;
    seen ||= found.length > 0;
  }
  return { seen };
}

const cancel = `
SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE application_name = $1 AND usename = current_user AND pid <> pg_catalog.pg_backend_pid()`;

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
