import type { Database } from '../core/database.ts';
import type { TrailFault } from './verify-chain.ts';
import { type TrailPlace, type VerifyTrailPorts, verifyTrail } from './verify-trail.ts';

export interface VerifyOnwardPorts extends VerifyTrailPorts {
  /** Called before the position is stored: a crash in between reports twice, never not at all. */
  readonly onFound: (faults: readonly TrailFault[]) => void;
}

/**
 * Verifies the audit trail from where the night before stopped, as far as there is time. A round that is over is followed by a whole one, if it was
 * begun another night.
 */
export async function verifyTrailOnward(ports: VerifyOnwardPorts): Promise<void> {
  const began = await readPlace(ports.database);
  const next = await goOn(ports, began);
  if (began !== null && next === null && (ports.hasTime ?? (() => true))()) await goOn(ports, null);
}

async function goOn(ports: VerifyOnwardPorts, from: TrailPlace | null): Promise<TrailPlace | null> {
  const { faults, next } = await verifyTrail(ports, from);
  if (faults.length > 0) ports.onFound(faults);
  await ports.database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET trail_place = $1::jsonb', [next && JSON.stringify(next)]),
  );
  return next;
}

async function readPlace(database: Database): Promise<TrailPlace | null> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ place: TrailPlace | null }>('SELECT trail_place AS place FROM dbrag.sweep_state'),
  );
  return rows[0]?.place ?? null;
}
