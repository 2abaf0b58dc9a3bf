import { walkWorkspaces } from '../access/walk-workspaces.ts';
import { checkRecall, type IndexedWorkspace } from './check-recall.ts';
import { type PartitionState, readPartitions } from './partition-state.ts';
import { autopilotSettings, promisedRecall } from './plan-index.ts';
import { homePartition } from './rebuild-index.ts';
import type { IndexingPorts } from './tend-indexes.ts';

/** What the canary of one partition found, 0 to 1, and what is promised for its size. */
export interface MeasuredRecall {
  readonly recall: number;
  readonly promised: number;
}

/**
 * The canary of every partition that has an index, longest unchecked first; where there is none, nothing is asked. What there is no
 * time for is the next night's.
 * @param hasTime asked before each partition
 */
export async function checkAllIndexes(
  ports: IndexingPorts,
  hasTime: () => boolean = () => true,
): Promise<readonly MeasuredRecall[]> {
  const { database, model, settings = autopilotSettings } = ports;
  const ready = (await readPartitions(database, { model })).filter(({ status }) => status === 'ready');
  if (ready.length === 0) return [];
  const homes = new Map<string, IndexedWorkspace[]>();
  for await (const id of walkWorkspaces(database)) {
    await database.inWorkspace({ workspaceId: id }, async (db) => {
      const { rows } = await db.query<{ chunks: number }>(
        'SELECT chunks::float8 FROM dbrag.corpus_statistics WHERE workspace_id = $1',
        [id],
      );
      const chunks = rows[0]?.chunks ?? 0;
      // Smaller ones are compared one by one.
      if (chunks <= settings.fewestRows) return;
      const home = await homePartition(db, id);
      if (home) homes.set(home, [...(homes.get(home) ?? []), { id, chunks }]);
    });
  }
  const measured: MeasuredRecall[] = [];
  for (const state of ready.toSorted((one, other) => checkedAt(one) - checkedAt(other))) {
    if (!hasTime()) break;
    const promised = promisedRecall(state.rows);
    const recall = await checkRecall(database, state, model, homes.get(state.partition) ?? [], promised);
    if (recall !== undefined) measured.push({ recall, promised });
  }
  return measured;
}

const checkedAt = (state: PartitionState): number => state.checked_at?.getTime() ?? 0;
