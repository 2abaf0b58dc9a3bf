import type { Database } from '../core/database.ts';
import type { WorkQueue } from '../core/work-queue.ts';

const delaySeconds = 60;

/**
 * Makes the autopilot look in a minute; one look is on its way at a time, however many ask.
 * @throws when it could not be sent: nothing but the caller's own message, redelivered, would bring another before the night
 */
export async function armTending(database: Database, queue: WorkQueue): Promise<void> {
  const { count } = await database.inSystem((db) =>
    db.query(
      `UPDATE dbrag.sweep_state SET tending_until = clock_timestamp() + make_interval(secs => $1)
       WHERE tending_until IS NULL OR tending_until < clock_timestamp()`,
      // A little shorter, so that the look that it brings can arm the next.
      [delaySeconds - 5],
    ),
  );
  if (count === 0) return;
  let accepted = 0;
  try {
    accepted = await queue.send('maintenance', [{ body: { v: 1, kind: 'tend_indexes' }, delaySeconds }]);
  } finally {
    // Otherwise everybody who asks in the next minute would take it for sent.
    if (accepted === 0) await database.inSystem((db) => db.query('UPDATE dbrag.sweep_state SET tending_until = NULL'));
  }
  if (accepted === 0) throw new Error('The next look at the indexes could not be sent.');
}
