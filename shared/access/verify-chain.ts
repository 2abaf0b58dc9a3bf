import type { Database, Db } from '../core/database.ts';
import { systemChain } from './audit.ts';
import { eventsPerSeal } from './seal-trail.ts';
import { genesis, hashSeal, readChained } from './trail-chain.ts';

/** Something that does not agree. */
export interface TrailFault {
  /** UUID; nil is the system's. */
  readonly workspaceId: string;
  readonly seal: number | null;
  readonly message: string;
}

/** The last seal that was looked at: the next one continues it. */
export interface SealPlace {
  readonly number: number;
  /** In hex. */
  readonly hash: string;
  /** ISO 8601; null: it is the checkpoint. */
  readonly sealedAt: string | null;
}

export interface VerifiedChain {
  readonly seals: number;
  readonly events: number;
  /** Counted at the end of the chain only. */
  readonly unsealed: number;
  /** Null: the chain is done. */
  readonly next: SealPlace | null;
}

type Blame = (seal: number | null, message: string) => void;

interface Chain {
  readonly number: number;
  readonly hash: Buffer;
  readonly checkpoint_number: number;
  readonly checkpoint_hash: Buffer;
}

interface Seal {
  readonly number: number;
  readonly previous: Buffer;
  readonly hash: Buffer;
  readonly events: number;
  readonly sealed_at: Date;
}

/** Longer than any transaction lasts that writes an event: one that says it is older than the seal before its own was slipped in. */
const longestTransactionMilliseconds = 15 * 60_000;
const sealsAtOnce = 500;

/**
 * Walks a chain of the audit trail towards its end, as far as there is time, and recomputes each hash from the rows.
 * @param from where the call before ended; null: at the checkpoint
 * @param hasTime asked after each seal, so that every call does one
 */
export async function verifyChain(
  database: Database,
  workspaceId: string,
  from: SealPlace | null,
  hasTime: () => boolean,
  blame: Blame,
): Promise<VerifiedChain> {
  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.inWorkspace({ workspaceId }, work);
  let [seals, events] = [0, 0];
  const chain = await inWorkspace((db) => readChain(db, workspaceId));
  if (!chain) {
    if (!(await wasErased(database, workspaceId))) blame(null, 'The chain is gone.');
    return { seals, events, unsealed: 0, next: null };
  }
  // Retention may have let go meanwhile of what the call before looked at.
  let end = from !== null && from.number >= chain.checkpoint_number ? from : beginning(chain);
  if (end.sealedAt === null) await inWorkspace((db) => checkCheckpoint(db, workspaceId, chain, blame));
  for (;;) {
    // What was sealed since the end was read is left to the next walk.
    const page = await inWorkspace((db) => readSeals(db, workspaceId, end.number, chain.number));
    for (const seal of page) {
      events += await inWorkspace((db) => checkSeal(db, workspaceId, seal, end, blame));
      seals += 1;
      end = { number: seal.number, hash: seal.hash.toString('hex'), sealedAt: seal.sealed_at.toISOString() };
      if (!hasTime()) return { seals, events, unsealed: 0, next: end };
    }
    if (page.length < sealsAtOnce) break;
  }
  if (end.number !== chain.number || end.hash !== chain.hash.toString('hex'))
    blame(end.number, `The chain should end with seal ${chain.number}.`);
  const unsealed = await inWorkspace((db) => checkOutside(db, workspaceId, end.sealedAt, blame));
  return { seals, events, unsealed, next: null };
}

/** A chain ends with its workspace: the system's own chain says so. */
export async function wasErased(database: Database, workspaceId: string): Promise<boolean> {
  const { count } = await database.inWorkspace({ workspaceId: systemChain }, (db) =>
    db.query(
      `SELECT FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'workspace.erased' AND detail ->> 'workspace' = $2 LIMIT 1`,
      [systemChain, workspaceId],
    ),
  );
  return count > 0;
}

function beginning({ checkpoint_number: number, checkpoint_hash: hash }: Chain): SealPlace {
  return { number, hash: hash.toString('hex'), sealedAt: null };
}

/** @returns how many events it has */
async function checkSeal(db: Db, workspaceId: string, seal: Seal, before: SealPlace, blame: Blame): Promise<number> {
  const { number } = seal;
  if (number !== before.number + 1) blame(number, `Seals after ${before.number} are missing.`);
  if (seal.previous.toString('hex') !== before.hash) blame(number, 'It does not continue the seal before it.');
  const events = await readChained(db, workspaceId, number, eventsPerSeal + 1);
  if (events.length !== seal.events) blame(number, `It was made of ${seal.events} events; there are ${events.length}.`);
  if (!hashSeal(seal.previous, number, events).equals(seal.hash))
    blame(number, 'An event of it was changed, dropped or slipped in.');
  const earliest = earliestAfter(before.sealedAt);
  if (earliest && events.some((event) => event.recorded_at < earliest))
    blame(number, 'An event of it says that it is older than the seal before.');
  return events.length;
}

function earliestAfter(sealedAt: string | null): Date | null {
  return sealedAt === null ? null : new Date(Date.parse(sealedAt) - longestTransactionMilliseconds);
}

/** What retention removed is recorded in an event that still exists; otherwise anybody could cut off the beginning of a chain. */
async function checkCheckpoint(
  db: Db,
  workspaceId: string,
  { checkpoint_number: number, checkpoint_hash: hash }: Chain,
  blame: Blame,
): Promise<void> {
  if (number === 0) {
    if (!hash.equals(genesis)) blame(0, 'The chain does not begin at its beginning.');
    return;
  }
  const { count } = await db.query(
    `SELECT FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'audit.expire'
     AND detail ->> 'through' = $2 AND detail ->> 'hash' = $3`,
    [workspaceId, String(number), hash.toString('hex')],
  );
  if (count === 0) blame(number, 'No event says that the trail was let go up to here.');
}

/** Events of no seal are young, and events of seals that are not there are none. @returns how many have no seal */
async function checkOutside(db: Db, workspaceId: string, sealedAt: string | null, blame: Blame): Promise<number> {
  // The chain as it is now: events may have been sealed since the walk began.
  const { rows } = await db.query<{ unsealed: number; late: number; lost: number }>(
    `WITH chain AS (SELECT number, checkpoint_number FROM dbrag.audit_chains WHERE workspace_id = $1)
     SELECT count(*) FILTER (WHERE seal IS NULL)::int AS unsealed,
       count(*) FILTER (WHERE seal IS NULL AND recorded_at < $2::timestamptz)::int AS late,
       count(*) FILTER (WHERE seal IS NOT NULL)::int AS lost
     FROM dbrag.audit_events
     WHERE workspace_id = $1 AND (seal IS NULL OR seal > (SELECT number FROM chain) OR seal <= (SELECT checkpoint_number FROM chain))`,
    [workspaceId, earliestAfter(sealedAt)],
  );
  const found = rows[0];
  if (found?.late) blame(null, `${found.late} events stand outside of the chain, and are older than its end.`);
  if (found?.lost) blame(null, `${found.lost} events name a seal that the chain does not have.`);
  return found?.unsealed ?? 0;
}

async function readChain(db: Db, workspaceId: string): Promise<Chain | undefined> {
  const { rows } = await db.query<Chain>(
    `SELECT number::int, hash, checkpoint_number::int, checkpoint_hash FROM dbrag.audit_chains WHERE workspace_id = $1`,
    [workspaceId],
  );
  return rows[0];
}

async function readSeals(db: Db, workspaceId: string, after: number, upTo: number): Promise<readonly Seal[]> {
  const { rows } = await db.query<Seal>(
    `SELECT number::int, previous, hash, events, sealed_at FROM dbrag.audit_seals
     WHERE workspace_id = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT $4`,
    [workspaceId, after, upTo, sealsAtOnce],
  );
  return rows;
}
