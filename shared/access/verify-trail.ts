import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import { systemChain } from './audit.ts';
import { type SealPlace, type TrailFault, verifyChain } from './verify-chain.ts';
import { verifyRoots } from './verify-roots.ts';
import { walkWorkspaces } from './walk-workspaces.ts';

export interface VerifyTrailPorts {
  readonly database: Database;
  /** Null: only the chains are verified. A completely rewritten chain is detected only by the roots. */
  readonly roots: Pick<ObjectStore, 'list' | 'get'> | null;
  /** Asked after each seal and each root: once it is false, the rest is left to another call. */
  readonly hasTime?: () => boolean;
}

/** Where another call continues; may be kept as JSON. */
export type TrailPlace =
  /** UUID of the chain's workspace; without a seal, that chain is done. */
  | { readonly of: 'chain'; readonly workspaceId: string; readonly seal: SealPlace | null }
  /** The last key that was compared; null: the chains are done. */
  | { readonly of: 'roots'; readonly after: string | null };

/** The findings of one call; those of all calls are added up. */
export interface TrailReport {
  /** That came to their end. */
  readonly chains: number;
  readonly seals: number;
  readonly events: number;
  readonly unsealed: number;
  readonly roots: number;
  readonly faults: readonly TrailFault[];
  /** Null: everything was looked at. */
  readonly next: TrailPlace | null;
}

/**
 * Walks every chain of the audit trail from its checkpoint to its end, recomputes each hash from the rows, and compares the seals
 * with the locked roots. Reports events that were changed, dropped, moved or inserted, rewritten seals, and truncated chains. Only reads.
 * @param place where the call before ended; null: at the beginning
 */
export async function verifyTrail(
  { database, roots, hasTime = () => true }: VerifyTrailPorts,
  place: TrailPlace | null = null,
): Promise<TrailReport> {
  const faults: TrailFault[] = [];
  let [chains, seals, events, unsealed, read] = [0, 0, 0, 0, 0];
  const report = (next: TrailPlace | null): TrailReport => ({
    chains,
    seals,
    events,
    unsealed,
    roots: read,
    faults,
    next,
  });
  const walk = async (workspaceId: string, from: SealPlace | null): Promise<SealPlace | null> => {
    const blame = (seal: number | null, message: string) => faults.push({ workspaceId, seal, message });
    const found = await verifyChain(database, workspaceId, from, hasTime, blame);
    seals += found.seals;
    events += found.events;
    unsealed += found.unsealed;
    if (found.next === null) chains += 1;
    return found.next;
  };

  if (place?.of !== 'roots') {
    for await (const [workspaceId, from] of chainsFrom(database, place)) {
      const seal = await walk(workspaceId, from);
      if (seal !== null || !hasTime()) return report({ of: 'chain', workspaceId, seal });
    }
  }
  if (roots === null) return report(null);
  const compared = await verifyRoots({ database, roots, hasTime }, place?.of === 'roots' ? place.after : null, faults);
  read = compared.read;
  return report(compared.next === null ? null : { of: 'roots', after: compared.next });
}

/** The system's chain, then those of the workspaces: each with the seal behind which it continues. */
async function* chainsFrom(
  database: Database,
  place: Extract<TrailPlace, { of: 'chain' }> | null,
): AsyncGenerator<readonly [workspaceId: string, from: SealPlace | null]> {
  if (place === null) yield [systemChain, null];
  else if (place.seal !== null) yield [place.workspaceId, place.seal];
  const after = place === null || place.workspaceId === systemChain ? undefined : place.workspaceId;
  for await (const workspaceId of walkWorkspaces(database, after)) yield [workspaceId, null];
}
