import { walkWorkspaces } from '../../shared/access/walk-workspaces.ts';
import { expireHistory } from '../../shared/answering/expire-history.ts';
import { nudgeRemoval } from '../../shared/ingestion/arm-removal.ts';
import { findMissedUploads } from '../../shared/ingestion/find-missed-uploads.ts';
import { removeOrphans } from '../../shared/ingestion/remove-orphans.ts';
import { resumeDeletions } from '../../shared/ingestion/resume-deletions.ts';
import { retireForgotten } from '../../shared/ingestion/retire-versions.ts';
import { expireRecords } from '../../shared/jobs/expire-records.ts';
import { createMonthPartitions } from '../../shared/jobs/month-partitions.ts';
import { recountStatistics } from '../../shared/retrieval/recount-statistics.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import type { Services } from '../runtime/services.ts';
import { checkIndexes } from './tend-on.ts';

/** The full pass of the night: what no event and no message would bring about. */
export async function runNightly(services: Services): Promise<void> {
  const { database, failpoint, objects, queue, sweep, clock, statistics, log } = services;
  await createMonthPartitions(database);
  await expireRecords(database);
  await expireHistory(database);
  for await (const workspaceId of walkWorkspaces(database)) {
    await resumeDeletions({ database, queue, clock }, workspaceId);
    // Like any other, a nudge to remove gets lost; and removing may take longer than a night has for all workspaces.
    if (await database.inWorkspace({ workspaceId }, (db) => retireForgotten(db, workspaceId)))
      await nudgeRemoval(queue, workspaceId, 0, 0);
    // Nudges to fold get lost like any other.
    await statistics.settle(workspaceId);
    await database.inWorkspace({ workspaceId }, (db) => recountStatistics(db, workspaceId));
    await weighTerms(database, workspaceId, () => true);
  }
  await checkIndexes(services);
  await removeOrphans({ database, objects, clock });
  await findMissedUploads({
    database,
    failpoint,
    objects,
    queue,
    sweep,
    clock,
    onRejected: (key, reason) => log.uploadRejected({ key, reason }),
    onFailed: (key, error) => log.recordFailed(error, { source: key, messageId: 'nightly' }),
  });
}
