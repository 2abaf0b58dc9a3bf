import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { rootsPrefix, type TrailRoot } from './seal-trail.ts';
import { type TrailFault, wasErased } from './verify-chain.ts';

export interface VerifyRootsPorts {
  readonly database: Database;
  readonly roots: Pick<ObjectStore, 'list' | 'get'>;
  readonly hasTime: () => boolean;
}

export interface VerifiedRoots {
  readonly read: number;
  /** The last key that was compared; null: all were. */
  readonly next: string | null;
}

type Ends = readonly TrailRoot['seals'][number][];

const largestRoot = 5_000_000;

/**
 * Compares locked roots with the seals of the database, in the order of their keys, as far as there is time: every root must be found in a chain, or
 * precede the chain's checkpoint, or belong to a chain whose end is recorded in the system's chain.
 * @param after the last key of the call before; null: from the first
 */
export async function verifyRoots(
  { database, roots, hasTime }: VerifyRootsPorts,
  after: string | null,
  faults: TrailFault[],
): Promise<VerifiedRoots> {
  let read = 0;
  let last = after;
  for (;;) {
    const listed = await roots.list(rootsPrefix, last ?? undefined);
    if (listed.length === 0) return { read, next: null };
    for (const { key } of listed) {
      const object = await roots.get(key, { maximumBytes: largestRoot });
      last = key;
      if (!object) continue;
      read += 1;
      const { seals } = JSON.parse(Buffer.from(object.body).toString()) as TrailRoot;
      for (const [workspaceId, ends] of Map.groupBy(seals, (seal) => seal.workspace_id))
        faults.push(...(await compareEnds(database, workspaceId, ends)));
      if (!hasTime()) return { read, next: key };
    }
  }
}

async function compareEnds(database: Database, workspaceId: string, ends: Ends): Promise<TrailFault[]> {
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
