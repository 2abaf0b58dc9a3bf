import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { rootsPrefix } from './seal-trail.ts';
import type { TrailFault } from './verify-chain.ts';
import { type ChainPlace, verifyChains } from './verify-chains.ts';
import { verifyRoots } from './verify-roots.ts';

export interface TrailRoundsPorts {
  /** Of the maintainer: no other role sees the places. */
  readonly database: Database;
  /** Checked after each slice, so that every call does one. */
  readonly hasTime: () => boolean;
  /** Called before the position is stored: a crash in between reports twice, never not at all. */
  readonly onFound: (faults: readonly TrailFault[]) => void;
}

export interface RootRoundsPorts extends TrailRoundsPorts {
  readonly roots: Pick<ObjectStore, 'list' | 'get'>;
  readonly clock: Clock;
}

/** How far a walk is when its call is over. */
export interface TrailRound {
  readonly walk: 'chains' | 'roots';
  /** That came to their end in this call. */
  readonly rounds: number;
  /** Since the last round that came to its end began: what is older was verified. */
  readonly days: number;
}

interface Slice<Place> {
  readonly faults: readonly TrailFault[];
  readonly next: Place | null;
}

/** After so many seals and chains, what was found is told and the position stored. */
const stepsPerSlice = 200;
/** At least: roots are under the day on which they were written. */
const newestMilliseconds = 2 * 24 * 3_600_000;

/** Walks the chains of the audit trail on from where the night before stopped, as far as there is time. */
export async function verifyChainsOnward(ports: TrailRoundsPorts): Promise<TrailRound> {
  const { database, hasTime } = ports;
  return goOn<ChainPlace>(ports, 'chains', (place) => {
    let steps = 0;
    return verifyChains({ database, hasTime: () => ++steps < stepsPerSlice && hasTime() }, place);
  });
}

/**
 * Compares the roots of the last two days, and then goes on with the round over all. A chain that somebody writes anew or cuts off contradicts its
 * newest root already, so the first finds within a night what is done to any chain that is in use; the round, which takes many nights where there are
 * many years of roots, finds the others.
 */
export async function verifyRootsOnward(ports: RootRoundsPorts): Promise<TrailRound> {
  const { database, roots, hasTime, onFound, clock } = ports;
  const look = (after: string | null) => verifyRoots({ database, roots, hasTime: () => false }, after);
  const day = new Date(clock.now().getTime() - newestMilliseconds).toISOString().slice(0, 10);
  let newest: string | null = `${rootsPrefix}${day.replaceAll('-', '/')}`;
  do {
    const { faults, next } = await look(newest);
    if (faults.length > 0) onFound(faults);
    newest = next;
  } while (newest !== null && hasTime());
  return goOn(ports, 'roots', look);
}

/** A round that is over is followed by a whole one, if it was begun another night. */
async function goOn<Place>(
  { database, hasTime, onFound }: TrailRoundsPorts,
  walk: TrailRound['walk'],
  look: (from: Place | null) => Promise<Slice<Place>>,
): Promise<TrailRound> {
  const began = await readPlace<Place>(database, walk);
  let place: Place | null = began;
  let rounds = 0;
  do {
    if (place === null) await beginRound(database, walk);
    const { faults, next }: Slice<Place> = await look(place);
    if (faults.length > 0) onFound(faults);
    await storePlace(database, walk, next);
    place = next;
    if (next === null) rounds += 1;
  } while (hasTime() && rounds < (began === null ? 1 : 2));
  return { walk, rounds, days: await daysSince(database, walk) };
}

async function readPlace<Place>(database: Database, walk: TrailRound['walk']): Promise<Place | null> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ place: Place | null }>('SELECT place FROM dbrag.trail_rounds WHERE walk = $1', [walk]),
  );
  return rows[0]?.place ?? null;
}

async function beginRound(database: Database, walk: TrailRound['walk']): Promise<void> {
  await database.inSystem((db) => db.query('UPDATE dbrag.trail_rounds SET began_at = now() WHERE walk = $1', [walk]));
}

async function storePlace(database: Database, walk: TrailRound['walk'], place: unknown): Promise<void> {
  await database.inSystem((db) =>
    db.query(
      `UPDATE dbrag.trail_rounds SET place = $2::jsonb, verified_at = CASE WHEN $2::jsonb IS NULL THEN began_at ELSE verified_at END
       WHERE walk = $1`,
      [walk, place === null ? null : JSON.stringify(place)],
    ),
  );
}

async function daysSince(database: Database, walk: TrailRound['walk']): Promise<number> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ days: number }>(
      'SELECT extract(epoch FROM now() - verified_at)::float8 / 86400 AS days FROM dbrag.trail_rounds WHERE walk = $1',
      [walk],
    ),
  );
  return rows[0]?.days ?? 0;
}
