import { walkWorkspaces } from '../access/walk-workspaces.ts';
import type { Db } from '../core/database.ts';
import { isOutage } from '../core/outage.ts';
import { checkRecall, type IndexedWorkspace } from './check-recall.ts';
import { note, type PartitionState, readPartitions } from './partition-state.ts';
import { autopilotSettings, promisedRecall } from './plan-index.ts';
import { homePartition } from './rebuild-index.ts';
import type { IndexingPorts } from './tend-indexes.ts';

/** The recall that the canary measured in one partition, 0 to 1, and the recall promised for its size. */
export interface MeasuredRecall {
  readonly recall: number;
  readonly promised: number;
}

export interface CheckOptions {
  /** Asked before each partition and each question. */
  readonly hasTime?: () => boolean;
  /** These partitions alone; default all. */
  readonly partitions?: readonly string[];
  /** Told of a partition that could not be measured; the others are. */
  readonly onFailed?: (partition: string, error: unknown) => void;
}

/**
 * The canary of every partition that has an index, longest unchecked first; where there is none, nothing is asked. What there is no
 * time for is the next night's. One that fails has had its turn, or it would be the first of every night.
 * @throws when the database is down
 */
export async function checkAllIndexes(
  ports: IndexingPorts,
  { hasTime = () => true, partitions, onFailed = () => {} }: CheckOptions = {},
): Promise<readonly MeasuredRecall[]> {
  const { database, model, settings = autopilotSettings } = ports;
  const ready = (await readPartitions(database, { model })).filter(
    ({ status, partition }) => status === 'ready' && (partitions?.includes(partition) ?? true),
  );
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
  let tried = 0;
  for (const state of ready.toSorted((one, other) => checkedAt(one) - checkedAt(other))) {
    if (!hasTime()) break;
    const promised = promisedRecall(state.rows);
    const workspaces = homes.get(state.partition) ?? [];
    try {
      const recall = await checkRecall(database, state, model, workspaces, promised, hasTime);
      if (recall !== undefined) measured.push({ recall, promised });
    } catch (error) {
      if (isOutage(error)) throw error;
      // Those before it took the time: it is the next night's, and not one that takes too long by itself.
      if (tried > 0 && !hasTime()) break;
      onFailed(state.partition, error);
      await database.inSystem((db) => note(db, state.partition, model, { checked_at: new Date() }));
    }
    tried++;
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
