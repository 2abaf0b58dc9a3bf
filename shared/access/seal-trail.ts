import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { newUuid } from '../core/ids.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { hashSeal, readChained } from './trail-chain.ts';

export interface SealTrailPorts {
  readonly database: Database;
  /** Where roots cannot be changed for a time; null where there is no such place. */
  readonly roots: Pick<ObjectStore, 'put'> | null;
  readonly clock: Clock;
}

/** What is recorded outside the database: that a chain had this hash at this number. */
export interface TrailRoot {
  readonly v: 1;
  readonly written_at: string;
  readonly seals: readonly { readonly workspace_id: string; readonly number: number; readonly hash: string }[];
}

export const rootsPrefix = 'roots/';
/** A transaction seals no more than this. */
export const eventsPerSeal = 2_000;
const chainsAtOnce = 200;
/** About 3 MB. What a root has no room for, after a time without any, is written to the next. */
const sealsPerRoot = 20_000;

/**
 * Seals what was written to the trail since the last time, and writes the new ends of all chains to one locked object. Each step may
 * be done again: a root that was written and not noted is written once more, with the same hashes.
 * @returns how many seals were made
 */
export async function sealTrail(ports: SealTrailPorts, hasTime: () => boolean = () => true): Promise<number> {
  let made = 0;
  for (;;) {
    const chains = await unsealedChains(ports.database);
    for (const workspaceId of chains) {
      while (await ports.database.inWorkspace({ workspaceId }, (db) => sealOnce(db, workspaceId))) {
        made++;
        if (!hasTime()) break;
      }
    }
    await writeRoot(ports, chains);
    if (chains.length < chainsAtOnce || !hasTime()) return made;
  }
}

async function unsealedChains(database: Database): Promise<string[]> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ workspace_id: string }>('SELECT workspace_id FROM dbrag.unsealed_chains($1)', [chainsAtOnce]),
  );
  return rows.map((row) => row.workspace_id);
}

/** @returns false when there was nothing to seal */
async function sealOnce(db: Db, workspaceId: string): Promise<boolean> {
  const { rows } = await db.query<{ number: string; hash: Buffer }>(
    'SELECT number::text, hash FROM dbrag.audit_chains WHERE workspace_id = $1 FOR NO KEY UPDATE',
    [workspaceId],
  );
  const end = rows[0];
  if (!end) return false;
  const events = await readChained(db, workspaceId, null, eventsPerSeal);
  const last = events.at(-1);
  if (!last) return false;
  const number = Number(end.number) + 1;
  const hash = hashSeal(end.hash, number, events);
  await db.query(
    'UPDATE dbrag.audit_events SET seal = $2 WHERE workspace_id = $1 AND seal IS NULL AND id = ANY($3::uuid[])',
    [workspaceId, number, events.map(({ id }) => id)],
  );
  await db.query(
    `INSERT INTO dbrag.audit_seals (workspace_id, number, previous, hash, events, last_at) VALUES ($1, $2, $3, $4, $5, $6)`,
    [workspaceId, number, end.hash, hash, events.length, last.at],
  );
  await db.query('UPDATE dbrag.audit_chains SET number = $2, hash = $3, sealed_at = now() WHERE workspace_id = $1', [
    workspaceId,
    number,
    hash,
  ]);
  return true;
}

/** One object for all chains: an object a chain and minute would cost more than everything else of the trail. */
async function writeRoot({ database, roots, clock }: SealTrailPorts, chains: readonly string[]): Promise<void> {
  const seals: TrailRoot['seals'][number][] = [];
  for (const workspaceId of chains) {
    const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ number: string; hash: Buffer }>(
        'SELECT number::text, hash FROM dbrag.audit_seals WHERE workspace_id = $1 AND rooted_at IS NULL ORDER BY number LIMIT least(1000, $2)',
        [workspaceId, sealsPerRoot - seals.length],
      ),
    );
    for (const { number, hash } of rows)
      seals.push({ workspace_id: workspaceId, number: Number(number), hash: hash.toString('hex') });
  }
  if (seals.length === 0) return;
  const now = clock.now();
  const root: TrailRoot = { v: 1, written_at: now.toISOString(), seals };
  const key = `${rootsPrefix}${root.written_at.slice(0, 10).replaceAll('-', '/')}/${newUuid(now.getTime())}.json`;
  if (roots) await roots.put(key, Buffer.from(JSON.stringify(root)), { contentType: 'application/json' });
  for (const [workspaceId, own] of Map.groupBy(seals, (seal) => seal.workspace_id)) {
    await database.inWorkspace({ workspaceId }, (db) =>
      db.query(
        'UPDATE dbrag.audit_seals SET rooted_at = now() WHERE workspace_id = $1 AND number = ANY($2::bigint[]) AND rooted_at IS NULL',
        [workspaceId, own.map(({ number }) => number)],
      ),
    );
  }
}
