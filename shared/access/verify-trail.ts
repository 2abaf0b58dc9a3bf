import type { Database, Db } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { systemChain } from './audit.ts';
import { eventsPerSeal, rootsPrefix, type TrailRoot } from './seal-trail.ts';
import { genesis, hashSeal, readChained } from './trail-chain.ts';
import { walkWorkspaces } from './walk-workspaces.ts';

export interface VerifyTrailPorts {
  readonly database: Database;
  /** Null: only the chains are verified. A completely rewritten chain is detected only by the roots. */
  readonly roots: Pick<ObjectStore, 'list' | 'get'> | null;
  /** Asked before each chain and each page of roots: once it is false, the rest is left. */
  readonly hasTime?: () => boolean;
}

/** Something that does not agree. */
export interface TrailFault {
  /** UUID; nil is the system's. */
  readonly workspaceId: string;
  readonly seal: number | null;
  readonly message: string;
}

export interface TrailReport {
  readonly chains: number;
  readonly seals: number;
  readonly events: number;
  readonly unsealed: number;
  readonly roots: number;
  /** False: there was no time for all. */
  readonly complete: boolean;
  readonly faults: readonly TrailFault[];
}

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
const largestRoot = 5_000_000;

/**
 * Walks every chain of the audit trail from its checkpoint to its end, recomputes each hash from the rows, and compares the ends
 * with the locked roots. Reports events that were changed, dropped, moved or inserted, rewritten seals, and truncated chains. Only reads.
 */
export async function verifyTrail({ database, roots, hasTime = () => true }: VerifyTrailPorts): Promise<TrailReport> {
  const faults: TrailFault[] = [];
  const known = new Map<string, ReadonlyMap<number, string>>();
  const total = { chains: 0, seals: 0, events: 0, unsealed: 0 };
  for await (const workspaceId of allChains(database)) {
    if (!hasTime()) return { ...total, roots: 0, complete: false, faults };
    const walk = new ChainWalk(database, workspaceId, faults);
    known.set(workspaceId, await walk.run());
    total.chains++;
    total.seals += walk.seals;
    total.events += walk.events;
    total.unsealed += walk.unsealed;
  }
  const erased = await erasedChains(database);
  const compared = roots ? await compareRoots({ roots, hasTime }, known, erased, faults) : { read: 0, complete: true };
  return { ...total, roots: compared.read, complete: compared.complete, faults };
}

async function* allChains(database: Database): AsyncGenerator<string> {
  yield systemChain;
  yield* walkWorkspaces(database);
}

/** Chains that ended with their workspace: the system's own chain says so. */
async function erasedChains(database: Database): Promise<ReadonlySet<string>> {
  const { rows } = await database.inWorkspace({ workspaceId: systemChain }, (db) =>
    db.query<{ id: string }>(
      `SELECT DISTINCT detail ->> 'workspace' AS id FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'workspace.erased'`,
      [systemChain],
    ),
  );
  return new Set(rows.map((row) => row.id));
}

class ChainWalk {
  seals = 0;
  events = 0;
  unsealed = 0;
  private readonly database: Database;
  private readonly workspaceId: string;
  private readonly faults: TrailFault[];
  private readonly hashes = new Map<number, string>();

  constructor(database: Database, workspaceId: string, faults: TrailFault[]) {
    this.database = database;
    this.workspaceId = workspaceId;
    this.faults = faults;
  }

  /** @returns the hashes of the chain by their number, that of the checkpoint with them */
  async run(): Promise<ReadonlyMap<number, string>> {
    const chain = await this.inWorkspace((db) => readChain(db, this.workspaceId));
    if (!chain) {
      this.blame(null, 'The chain is gone.');
      return this.hashes;
    }
    await this.checkCheckpoint(chain);
    let end: Pick<Seal, 'number' | 'hash'> & { sealed_at: Date | null } = {
      number: chain.checkpoint_number,
      hash: chain.checkpoint_hash,
      sealed_at: null,
    };
    this.hashes.set(end.number, end.hash.toString('hex'));
    for (;;) {
      const seals = await this.inWorkspace((db) => readSeals(db, this.workspaceId, end.number));
      for (const seal of seals) {
        await this.checkSeal(seal, end);
        end = seal;
      }
      if (seals.length < sealsAtOnce) break;
    }
    if (end.number !== chain.number || !end.hash.equals(chain.hash))
      this.blame(end.number, `The chain should end with seal ${chain.number}.`);
    await this.checkOutside(chain, end.sealed_at);
    return this.hashes;
  }

  private async checkSeal(seal: Seal, before: Pick<Seal, 'number' | 'hash'> & { sealed_at: Date | null }) {
    const { number } = seal;
    this.seals++;
    if (number !== before.number + 1) this.blame(number, `Seals after ${before.number} are missing.`);
    if (!seal.previous.equals(before.hash)) this.blame(number, 'It does not continue the seal before it.');
    const events = await this.inWorkspace((db) => readChained(db, this.workspaceId, number, eventsPerSeal + 1));
    this.events += events.length;
    if (events.length !== seal.events)
      this.blame(number, `It was made of ${seal.events} events; there are ${events.length}.`);
    if (!hashSeal(seal.previous, number, events).equals(seal.hash))
      this.blame(number, 'An event of it was changed, dropped or slipped in.');
    const earliest = before.sealed_at && before.sealed_at.getTime() - longestTransactionMilliseconds;
    if (earliest && events.some((event) => event.recorded_at.getTime() < earliest))
      this.blame(number, 'An event of it says that it is older than the seal before.');
    this.hashes.set(number, seal.hash.toString('hex'));
  }

  /** What retention removed is recorded in an event that still exists; otherwise anybody could cut off the beginning of a chain. */
  private async checkCheckpoint({ checkpoint_number: number, checkpoint_hash: hash }: Chain): Promise<void> {
    if (number === 0) {
      if (!hash.equals(genesis)) this.blame(0, 'The chain does not begin at its beginning.');
      return;
    }
    const { count } = await this.inWorkspace((db) =>
      db.query(
        `SELECT FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'audit.expire'
         AND detail ->> 'through' = $2 AND detail ->> 'hash' = $3`,
        [this.workspaceId, String(number), hash.toString('hex')],
      ),
    );
    if (count === 0) this.blame(number, 'No event says that the trail was let go up to here.');
  }

  /** Events of no seal are young, and events of seals that are not there are none. */
  private async checkOutside(chain: Chain, sealedAt: Date | null): Promise<void> {
    const { rows } = await this.inWorkspace((db) =>
      db.query<{ unsealed: number; late: number; lost: number }>(
        `SELECT count(*) FILTER (WHERE seal IS NULL)::int AS unsealed,
           count(*) FILTER (WHERE seal IS NULL AND recorded_at < $4::timestamptz)::int AS late,
           count(*) FILTER (WHERE seal > $2 OR seal <= $3)::int AS lost
         FROM dbrag.audit_events WHERE workspace_id = $1 AND (seal IS NULL OR seal > $2 OR seal <= $3)`,
        [
          this.workspaceId,
          chain.number,
          chain.checkpoint_number,
          sealedAt && new Date(sealedAt.getTime() - longestTransactionMilliseconds),
        ],
      ),
    );
    const found = rows[0];
    this.unsealed = found?.unsealed ?? 0;
    if (found?.late) this.blame(null, `${found.late} events stand outside of the chain, and are older than its end.`);
    if (found?.lost) this.blame(null, `${found.lost} events name a seal that the chain does not have.`);
  }

  private inWorkspace<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.database.inWorkspace({ workspaceId: this.workspaceId }, work);
  }

  private blame(seal: number | null, message: string): void {
    this.faults.push({ workspaceId: this.workspaceId, seal, message });
  }
}

async function readChain(db: Db, workspaceId: string): Promise<Chain | undefined> {
  const { rows } = await db.query<Chain>(
    `SELECT number::int, hash, checkpoint_number::int, checkpoint_hash FROM dbrag.audit_chains WHERE workspace_id = $1`,
    [workspaceId],
  );
  return rows[0];
}

async function readSeals(db: Db, workspaceId: string, after: number): Promise<readonly Seal[]> {
  const { rows } = await db.query<Seal>(
    `SELECT number::int, previous, hash, events, sealed_at FROM dbrag.audit_seals
     WHERE workspace_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
    [workspaceId, after, sealsAtOnce],
  );
  return rows;
}

/** Every root must be found in a chain, or precede the chain's checkpoint, or belong to a chain whose end is recorded in the system's chain. */
async function compareRoots(
  { roots, hasTime }: { readonly roots: Pick<ObjectStore, 'list' | 'get'>; readonly hasTime: () => boolean },
  chains: ReadonlyMap<string, ReadonlyMap<number, string>>,
  erased: ReadonlySet<string>,
  faults: TrailFault[],
): Promise<{ readonly read: number; readonly complete: boolean }> {
  let read = 0;
  let after: string | undefined;
  for (;;) {
    if (!hasTime()) return { read, complete: false };
    const listed = await roots.list(rootsPrefix, after);
    for (const { key } of listed) {
      const object = await roots.get(key, { maximumBytes: largestRoot });
      if (!object) continue;
      read++;
      const { seals } = JSON.parse(Buffer.from(object.body).toString()) as TrailRoot;
      for (const seal of seals) compareRoot(seal, chains, erased, faults);
    }
    after = listed.at(-1)?.key;
    if (after === undefined) return { read, complete: true };
  }
}

function compareRoot(
  { workspace_id: workspaceId, number, hash }: TrailRoot['seals'][number],
  chains: ReadonlyMap<string, ReadonlyMap<number, string>>,
  erased: ReadonlySet<string>,
  faults: TrailFault[],
): void {
  const hashes = chains.get(workspaceId);
  if (!hashes) {
    if (!erased.has(workspaceId))
      faults.push({ workspaceId, seal: number, message: 'A root was written of a chain that is gone.' });
    return;
  }
  const [first = 0] = hashes.keys();
  if (number < first) return;
  const known = hashes.get(number);
  if (known === hash) return;
  const message = known ? 'It is not what was written to its root.' : 'Its root was written, and it is gone.';
  faults.push({ workspaceId, seal: number, message });
}
