import type { Database } from '../core/database.ts';
import { isOutage } from '../core/outage.ts';
import { systemChain } from './audit.ts';
import { type SealPlace, type TrailFault, type VerifiedChain, verifyChain } from './verify-chain.ts';
import { walkWorkspaces } from './walk-workspaces.ts';

export interface VerifyChainsPorts {
  readonly database: Database;
  /** Asked after each seal and each chain: once it is false, the rest is left to another call. */
  readonly hasTime: () => boolean;
}

/** Where another call continues; may be kept as JSON. */
export interface ChainPlace {
  /** UUID of the chain's workspace. */
  readonly workspaceId: string;
  /** Null: that chain is done. */
  readonly seal: SealPlace | null;
}

/** The findings of one call; those of all calls are added up. */
export interface ChainsReport {
  /** That came to their end. */
  readonly chains: number;
  readonly seals: number;
  readonly events: number;
  readonly unsealed: number;
  readonly faults: readonly TrailFault[];
  /** Null: all chains were walked. */
  readonly next: ChainPlace | null;
}

/**
 * Walks every chain of the audit trail, as far as there is time. One that cannot be read is a fault, and keeps no other from its turn.
 * @param place where the call before ended; null: at the first chain
 */
export async function verifyChains(
  { database, hasTime }: VerifyChainsPorts,
  place: ChainPlace | null,
): Promise<ChainsReport> {
  const faults: TrailFault[] = [];
  let [chains, seals, events, unsealed] = [0, 0, 0, 0];
  const report = (next: ChainPlace | null): ChainsReport => ({ chains, seals, events, unsealed, faults, next });
  for await (const [workspaceId, from] of chainsFrom(database, place)) {
    const blame = (seal: number | null, message: string) => faults.push({ workspaceId, seal, message });
    const found = await verifyChain(database, workspaceId, from, hasTime, blame).catch((error: unknown) =>
      unreadable(error, blame),
    );
    seals += found.seals;
    events += found.events;
    unsealed += found.unsealed;
    if (found.next === null) chains += 1;
    if (found.next !== null || !hasTime()) return report({ workspaceId, seal: found.next });
  }
  return report(null);
}

/** Whoever may write rows may write some that no statement can read, and would be looked for in no other chain either. */
function unreadable(error: unknown, blame: (seal: null, message: string) => void): VerifiedChain {
  if (isOutage(error)) throw error;
  blame(null, `The chain cannot be read: ${String(error)}`);
  return { seals: 0, events: 0, unsealed: 0, next: null };
}

/** The system's chain, then those of the workspaces: each with the seal behind which it continues. */
async function* chainsFrom(
  database: Database,
  place: ChainPlace | null,
): AsyncGenerator<readonly [workspaceId: string, from: SealPlace | null]> {
  if (place === null) yield [systemChain, null];
  else if (place.seal !== null) yield [place.workspaceId, place.seal];
  const after = place === null || place.workspaceId === systemChain ? undefined : place.workspaceId;
  for await (const workspaceId of walkWorkspaces(database, after)) yield [workspaceId, null];
}
