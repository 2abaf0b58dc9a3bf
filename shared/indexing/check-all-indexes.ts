import { walkWorkspaces } from '../access/walk-workspaces.ts';
import type { Db } from '../core/database.ts';
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
      if (chunks <= settings.fewestRows) return;
      const home = await homePartition(db, id);
      if (home && (await isSearchedByIndex(db, home, chunks)))
        homes.set(home, [...(homes.get(home) ?? []), { id, chunks }]);
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

  /** The others are compared one by one. */
  async function isSearchedByIndex(db: Db, partition: string, chunks: number): Promise<boolean> {
    const { rows } = await db.query<{ by_index: boolean }>(
      'SELECT dbrag.searched_by_index($3::float8::bigint, rows, $4) AS by_index FROM dbrag.vector_indexes WHERE partition = $1 AND model = $2',
      [partition, model, chunks, settings.fewestRows],
    );
    return rows[0]?.by_index ?? false;
  }
}

const checkedAt = (state: PartitionState): number => state.checked_at?.getTime() ?? 0;
