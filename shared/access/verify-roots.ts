import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { isOutage } from '../core/outage.ts';
import { type RootedSeal, readRoots } from './read-roots.ts';
import { rootsPrefix } from './seal-trail.ts';
import { type TrailFault, wasErased } from './verify-chain.ts';

export interface VerifyRootsPorts {
  readonly database: Database;
  readonly roots: Pick<ObjectStore, 'list' | 'get'>;
  /** Asked after each batch of roots, so that every call does one. */
  readonly hasTime: () => boolean;
}

/** The findings of one call; those of all calls are added up. */
export interface RootsReport {
  readonly read: number;
  readonly faults: readonly TrailFault[];
  /** The last key that was compared; null: all were. */
  readonly next: string | null;
}

/** What of a listed page is read and held at once. */
const bytesAtOnce = 20_000_000;

/**
 * Compares locked roots with the seals of the database, in the order of their keys, as far as there is time: every root must be found in a chain, or
 * precede the chain's checkpoint, or belong to a chain whose end is recorded in the system's chain. A root or a chain that cannot be read is a fault, and
 * keeps no other from its turn.
 * @param after the last key of the call before; null: from the first
 */
export async function verifyRoots(
  { database, roots, hasTime }: VerifyRootsPorts,
  after: string | null,
): Promise<RootsReport> {
  const faults: TrailFault[] = [];
  let read = 0;
  let last = after;
  for (;;) {
    const listed = await roots.list(rootsPrefix, last ?? undefined);
    if (listed.length === 0) return { read, faults, next: null };
    for (const keys of batches(listed)) {
      const found = await readRoots(roots, keys);
      read += found.read;
      faults.push(...found.faults);
      // A statement for each workspace and batch: one for each root of it would take most of a night.
      for (const [workspaceId, ends] of Map.groupBy(found.seals, (seal) => seal.workspace_id))
        faults.push(...(await compareEnds(database, workspaceId, ends).catch(unreadable(workspaceId))));
      last = keys.at(-1) ?? last;
      if (!hasTime()) return { read, faults, next: last };
    }
  }
}

function* batches(listed: readonly { key: string; bytes: number }[]): Generator<readonly string[]> {
  let keys: string[] = [];
  let held = 0;
  for (const { key, bytes } of listed) {
    if (keys.length > 0 && held + bytes > bytesAtOnce) {
      yield keys;
      [keys, held] = [[], 0];
    }
    keys.push(key);
    held += bytes;
  }
  yield keys;
}

function unreadable(workspaceId: string): (error: unknown) => TrailFault[] {
  return (error) => {
    if (isOutage(error)) throw error;
    return [{ workspaceId, seal: null, message: `The chain cannot be compared with its roots: ${String(error)}` }];
  };
}

async function compareEnds(
  database: Database,
  workspaceId: string,
  ends: readonly RootedSeal[],
): Promise<TrailFault[]> {
  // In one statement: retention moves the checkpoint and removes seals at once.
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ begins: number; number: number; hash: string }>(
      `SELECT c.checkpoint_number::int AS begins, s.number::int, encode(s.hash, 'hex') AS hash FROM dbrag.audit_chains c
       CROSS JOIN LATERAL (
         SELECT c.checkpoint_number AS number, c.checkpoint_hash AS hash
         UNION ALL SELECT number, hash FROM dbrag.audit_seals WHERE workspace_id = $1 AND number = ANY($2::bigint[])) s
       WHERE c.workspace_id = $1`,
      [workspaceId, ends.map(({ number }) => number)],
    ),
  );
  const begins = rows[0]?.begins;
  if (begins === undefined) {
    if (await wasErased(database, workspaceId)) return [];
    return ends.map(({ number }) => ({
      workspaceId,
      seal: number,
      message: 'A root was written of a chain that is gone.',
    }));
  }
  const known = new Map(rows.map(({ number, hash }) => [number, hash]));
  return ends
    .filter(({ number, hash }) => number >= begins && known.get(number) !== hash)
    .map(({ number }) => ({
      workspaceId,
      seal: number,
      message: known.has(number) ? 'It is not what was written to its root.' : 'Its root was written, and it is gone.',
    }));
}
