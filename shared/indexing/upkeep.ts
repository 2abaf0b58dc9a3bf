import type { DirectStatements } from '../core/direct-statements.ts';
import { isOutage } from '../core/outage.ts';
import type { PartitionState } from './partition-state.ts';

export interface UpkeepPorts {
  readonly direct: DirectStatements;
  /** Told of an analysis or a vacuum that failed: no build did, and nothing waits for it. */
  readonly onUpkeepFailed?: (partition: string, error: unknown) => void;
}

/** A statement is waited for no longer: the server finishes it alone. */
export const waitMilliseconds = 20_000;
/** Stale statistics lead to bad plans: after this share of changes the table is analysed again. */
const analyzedShare = 0.1;

/**
 * Analyses a partition of embeddings and that of its chunks, if enough has changed. A table that somebody else works on is passed over: to
 * wait for its lock would cancel an autovacuum.
 * @throws an outage
 */
export async function analyze(ports: UpkeepPorts, state: PartitionState): Promise<void> {
  if (state.changed_since_analyze < 1_000 || state.changed_since_analyze < state.rows * analyzedShare) return;
  const chunks = state.partition.replace('embeddings', 'chunks');
  await keepUp(ports, state, [
    `ANALYZE (SKIP_LOCKED) dbrag.${state.partition}`,
    `ANALYZE (SKIP_LOCKED) dbrag.${chunks}`,
  ]);
}

/**
 * Vacuums a partition, unless somebody else works on it.
 * @returns why it failed, if it did: the next night tries again
 * @throws an outage
 */
export async function vacuum(ports: UpkeepPorts, state: PartitionState): Promise<string | undefined> {
  return keepUp(ports, state, [`VACUUM (SKIP_LOCKED) dbrag.${state.partition}`]);
}

async function keepUp(
  { direct, onUpkeepFailed }: UpkeepPorts,
  { partition }: PartitionState,
  statements: readonly string[],
): Promise<string | undefined> {
  try {
    await direct.run(statements, waitMilliseconds);
    return undefined;
  } catch (error) {
    if (isOutage(error)) throw error;
    onUpkeepFailed?.(partition, error);
    return error instanceof Error ? error.message : String(error);
  }
}
