import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import type { TrailFault } from './verify-chain.ts';
import { type ChainPlace, verifyChains } from './verify-chains.ts';
import { verifyRoots } from './verify-roots.ts';

export interface VerifyTrailPorts {
  readonly database: Database;
  /** Null: only the chains are verified. A completely rewritten chain is detected only by the roots. */
  readonly roots: Pick<ObjectStore, 'list' | 'get'> | null;
  /** Asked after each seal and some roots: once it is false, the rest is left to another call. */
  readonly hasTime?: () => boolean;
}

/** Where another call continues; may be kept as JSON. */
export type TrailPlace =
  | ({ readonly of: 'chain' } & ChainPlace)
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
  const none = { chains: 0, seals: 0, events: 0, unsealed: 0, faults: [], next: null };
  const { next, ...walked } = place?.of === 'roots' ? none : await verifyChains({ database, hasTime }, place);
  if (next !== null) return { ...walked, roots: 0, next: { of: 'chain', ...next } };
  if (roots === null) return { ...walked, roots: 0, next: null };
  const after = place?.of === 'roots' ? place.after : null;
  const compared = await verifyRoots({ database, roots, hasTime }, after);
  return {
    ...walked,
    roots: compared.read,
    faults: [...walked.faults, ...compared.faults],
    next: compared.next === null ? null : { of: 'roots', after: compared.next },
  };
}
