import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { holdAlone } from './stored-amounts.ts';

/** A process that died renews nothing: its stream counts no longer than this. */
const leaseSeconds = 15;
/** Several times within a lease, so that a slow database ends none. */
const renewalMilliseconds = 4_000;
/** A stream lasts a minute at most, and usually ends with its job. */
const retryAfterSeconds = 5;

/** A stream of events that is counted until it is closed, or until nobody has renewed it for 15 s. */
export interface OpenStream {
  /** To be called often: it writes every few seconds only. */
  renew(db: Db): Promise<void>;
  /** Also forgets the workspace's streams whose process died. */
  close(db: Db): Promise<void>;
}

/**
 * Counts a stream of events that a workspace is about to open. Of many who open one at once while one is left, one passes.
 * @param most streams that the workspace may hold open
 * @throws rate_limited
 */
export async function openStream(db: Db, workspaceId: string, most: number): Promise<OpenStream> {
  await holdAlone(db, workspaceId, 'open_streams');
  const id = newUuid();
  const { count } = await db.query(
    `INSERT INTO dbrag.open_streams (workspace_id, id, expires_at)
     SELECT $1, $2, now() + $4 * interval '1 second'
     WHERE (SELECT count(*) FROM dbrag.open_streams WHERE workspace_id = $1 AND expires_at > now()) < $3`,
    [workspaceId, id, most, leaseSeconds],
  );
  if (count > 0) return leased(workspaceId, id);
  throw new DbragError(
    'rate_limited',
    `Too many streams of events: this workspace may hold ${most} open. Try again in ${retryAfterSeconds} s, or ask for the job itself.`,
    { retryable: true, retryAfterSeconds },
  );
}

function leased(workspaceId: string, id: string): OpenStream {
  let renewedAt = performance.now();
  return {
    async renew(db) {
      if (performance.now() - renewedAt < renewalMilliseconds) return;
      await db.query(
        `UPDATE dbrag.open_streams SET expires_at = now() + $3 * interval '1 second' WHERE workspace_id = $1 AND id = $2`,
        [workspaceId, id, leaseSeconds],
      );
      renewedAt = performance.now();
    },
    async close(db) {
      await db.query('DELETE FROM dbrag.open_streams WHERE workspace_id = $1 AND (id = $2 OR expires_at < now())', [
        workspaceId,
        id,
      ]);
    },
  };
}
