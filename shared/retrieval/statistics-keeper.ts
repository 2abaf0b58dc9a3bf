import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { foldStatistics } from './fold-statistics.ts';

/** Folds come at most this often for a workspace; what a busy moment leaves is folded by a message that comes after it. */
const intervalSeconds = 2;
const delaySeconds = intervalSeconds + 1;

/** Keeps the statistics of live text true after swaps and deletions, without a bulk load waiting for them. */
export interface StatisticsKeeper {
  /** After something went live or away: folds now, or sees to it that somebody does in a moment. */
  changed(workspaceId: string): Promise<void>;
  /** Folds whatever is left, however young the last fold is, or as much as there is time for: then a message goes on. */
  settle(workspaceId: string, hasTime?: () => boolean): Promise<void>;
}

export function createStatisticsKeeper(database: Database, queue: WorkQueue, clock: Clock): StatisticsKeeper {
  const asked = new Map<string, number>();

  /** One message an interval for each workspace and process: a bulk load would send one a document. */
  async function askForFold(workspaceId: string): Promise<void> {
    const now = clock.now().getTime();
    if (now - (asked.get(workspaceId) ?? 0) < intervalSeconds * 1_000) return;
    asked.set(workspaceId, now);
    const body = { v: 1, kind: 'fold_statistics', workspace_id: workspaceId };
    await queue.send('maintenance', [{ body, groupId: workspaceId, delaySeconds }]);
  }

  return {
    async changed(workspaceId) {
      const { folded, more } = await database.inWorkspace({ workspaceId }, (db) =>
        foldStatistics(db, workspaceId, intervalSeconds),
      );
      if (folded === 0 || more) await askForFold(workspaceId);
    },
    async settle(workspaceId, hasTime = () => true) {
      for (let more = true; more; ) {
        ({ more } = await database.inWorkspace({ workspaceId }, (db) => foldStatistics(db, workspaceId, 0)));
        if (more && !hasTime()) return askForFold(workspaceId);
      }
    },
  };
}
