import type { Database } from '../core/database.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { passFence } from './pass-fence.ts';
import type { Chunk } from './split.ts';
import { slicesOf, storeTexts } from './store-chunks.ts';

/**
 * Chunks of one transaction: about 200 kB of text, which a database of one session (the embedded one) indexes in a quarter of a
 * second. In one piece, 3 MB of text would keep everybody else out for seconds.
 */
export const chunksPerTransaction = 128;

export interface SplitVersion {
  readonly chunks: readonly Chunk[];
  /** Their texts were stored before: all but what has been removed since. */
  readonly areStored: boolean;
}

/**
 * Splits a version, and stores the texts of a large one on the way, one slice per transaction. A text without a placement is invisible:
 * `commitSplit` places them, and stores again any that were removed in between.
 * @returns undefined when the version was overtaken, retried or deleted
 */
export async function storeAhead(
  database: Database,
  claim: ClaimedVersion,
  chunks: Iterable<Chunk>,
): Promise<SplitVersion | undefined> {
  const all: Chunk[] = [];
  for (const slice of slicesOf(chunks, chunksPerTransaction)) {
    all.push(...slice);
    // The only slice of a small version is stored in the transaction that commits it.
    if (all.length < chunksPerTransaction) break;
    const isFenced = await database.inWorkspace(claim, async (db) => {
      if ((await passFence(db, [claim])).length === 0) return true;
      await storeTexts(
        db,
        claim.workspaceId,
        slice.map((chunk) => ({ owner: claim, chunk, mayBeKnown: claim.version > 1 || claim.attempt > 1 })),
      );
      return false;
    });
    if (isFenced) return undefined;
  }
  return { chunks: all, areStored: all.length >= chunksPerTransaction };
}
