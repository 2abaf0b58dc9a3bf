import { createHash } from 'node:crypto';
import type { Db } from '../core/database.ts';

export const genesis = Buffer.alloc(32);

/** A row of the trail in the one form that is hashed: JSON whose members have their places, times to the microsecond in UTC. */
const eventText = `jsonb_build_array(e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
  to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor, e.action, e.resource_type, e.resource_id,
  e.access_type, e.outcome, e.request_id, host(e.ip), e.user_agent, e.holder, encode(e.origin, 'hex'), e.detail)::text`;

export interface ChainedEvent {
  readonly at: Date;
  readonly id: string;
  readonly recorded_at: Date;
  readonly text: string;
}

/** Events of one seal, or those without one (null), in the order in which they are hashed. */
export async function readChained(
  db: Db,
  workspaceId: string,
  seal: number | null,
  limit: number,
): Promise<readonly ChainedEvent[]> {
  const { rows } = await db.query<ChainedEvent>(
    `SELECT e.at, e.id, e.recorded_at, ${eventText} AS text FROM dbrag.audit_events e
     WHERE e.workspace_id = $1 AND ${seal === null ? 'e.seal IS NULL AND $2::bigint IS NULL' : 'e.seal = $2::bigint'}
     ORDER BY e.at, e.id LIMIT $3`,
    [workspaceId, seal, limit],
  );
  return rows;
}

/** The hash of a seal: over the one before it, its own number, and every event in order. */
export function hashSeal(previous: Uint8Array, number: number, events: readonly Pick<ChainedEvent, 'text'>[]): Buffer {
  const hash = createHash('sha256').update(previous).update(`${number} ${events.length}\n`);
  // Each by its own digest, so that no two lists of events are one text.
  for (const { text } of events) hash.update(createHash('sha256').update(text).digest());
  return hash.digest();
}
