import { timeForSteps, timeOfItsOwn } from '../../shared/core/time-left.ts';
import type { AddressedNudge } from '../../shared/core/work-queue.ts';
import { refreshNudge } from '../../shared/databases/catalog-jobs.ts';
import { embedCatalog } from '../../shared/databases/embed-catalog.ts';
import { refreshCatalog } from '../../shared/databases/refresh-catalog.ts';
import { armTending } from '../../shared/indexing/arm-tending.ts';
import { rebuildIndex, rebuildNudge } from '../../shared/indexing/rebuild-index.ts';
import { nudgeRemoval } from '../../shared/ingestion/arm-removal.ts';
import { runDeletion } from '../../shared/ingestion/remove-document.ts';
import { removeVersions } from '../../shared/ingestion/remove-versions.ts';
import { runBatchEmbed } from '../../shared/ingestion/run-batch-embed.ts';
import { createSweepActions, type NudgeOtherJob } from '../../shared/ingestion/sweep-actions.ts';
import type { JobType } from '../../shared/jobs/jobs.ts';
import type { MaintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { sweep } from '../../shared/jobs/sweep.ts';
import { sendSweep } from '../../shared/jobs/sweep-state.ts';
import { erasureNudge } from '../../shared/privacy/erasure.ts';
import { exportNudge } from '../../shared/privacy/export-job.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import type { Services } from '../runtime/services.ts';
import { keepAudit } from './keep-audit.ts';
import { eraseOn, exportOn } from './keep-privacy.ts';
import { type NightlyTime, runNightly } from './nightly.ts';
import { indexingPorts, tendOn } from './tend-on.ts';

const nudges: Partial<Record<JobType, (workspaceId: string, jobId: string) => AddressedNudge>> = {
  rebuild_index: rebuildNudge,
  update_metadata_catalog: refreshNudge,
  export: exportNudge,
  erase: erasureNudge,
};
const nudgeOther: NudgeOtherJob = (work) => nudges[work.job_type]?.(work.workspace_id, work.job_id);

const comeBackSeconds = 60;

/**
 * Does what a maintenance message asks for.
 * @param remainingTime milliseconds until the invocation is ended
 */
export async function runMaintenance(
  message: MaintenanceMessage,
  services: Services,
  remainingTime: () => number,
): Promise<void> {
  switch (message.kind) {
    case 'delete':
      await runDeletion(services, message.workspace_id, message.job_id, { remainingTime });
      await services.statistics.settle(message.workspace_id);
      await services.announcements.tell(message.workspace_id);
      return;
    case 'batch_embed': {
      const { database, queue, config } = services;
      const spaces = { model: config.models.embeddingModel, fallback: config.models.fallbackModel };
      return runBatchEmbed({ database, queue, spaces }, message.workspace_id, message.job_id, remainingTime);
    }
    case 'remove_version':
      return removeRetired(message, services, remainingTime);
    case 'fold_statistics':
      await services.statistics.settle(message.workspace_id);
      if (await weighTerms(services.database, message.workspace_id, () => remainingTime() > 10_000))
        await services.queue.send('maintenance', [
          { body: message, groupId: message.workspace_id, delaySeconds: comeBackSeconds },
        ]);
      await armTending(services.database, services.queue);
      return;
    case 'refresh_catalog': {
      const { database, queue, clock, databases: client } = services;
      await refreshCatalog({ database, queue, clock, client }, message.workspace_id, message.job_id, remainingTime);
      return services.announcements.tell(message.workspace_id);
    }
    case 'embed_catalog': {
      const { database, clock, space } = services;
      const ports = { database, embedder: space.embedder, now: () => clock.now().getTime() };
      await embedCatalog(ports, message.workspace_id, message.job_id, remainingTime);
      return services.announcements.tell(message.workspace_id);
    }
    case 'audit':
      return keepAudit(services, message.records, timeForSteps(remainingTime));
    case 'export':
      await exportOn(services, message, timeForSteps(remainingTime));
      return services.announcements.tell(message.workspace_id);
    case 'erase':
      await eraseOn(services, message, timeForSteps(remainingTime));
      return services.announcements.tell(message.workspace_id);
    case 'tend_indexes':
      return tendOn(services, timeForSteps(remainingTime));
    case 'rebuild_index':
      await rebuildIndex({ ...indexingPorts(services), queue: services.queue }, message.workspace_id, message.job_id);
      return armTending(services.database, services.queue);
    case 'sweep': {
      const isFresh = timeOfItsOwn(remainingTime);
      if (message.after === undefined) await sweepOrComeBack(services, remainingTime);
      return message.full ? passNight(message, services, { hasTime: timeForSteps(remainingTime), isFresh }) : undefined;
    }
    default:
      // Acknowledging an unknown message would lose it silently.
      throw new Error(`Nobody does ${JSON.stringify(message satisfies never)}.`);
  }
}

/** @throws when there is more to do and no message for it could be sent: this one is then redelivered */
async function passNight(
  { after, step, model_is_away: modelIsAway = false }: Extract<MaintenanceMessage, { kind: 'sweep' }>,
  services: Services,
  time: NightlyTime,
): Promise<void> {
  const rest = await runNightly(services, { after, step, modelIsAway }, time);
  if (rest === undefined) return;
  const { modelIsAway: model_is_away, ...place } = rest;
  const body = { v: 1, kind: 'sweep', full: true, ...place, model_is_away };
  if (!(await services.queue.send('maintenance', [{ body }])))
    throw new Error('The rest of the night could not be sent.');
}

/** A message that is not due yet is sent on without using the database, which may be paused. */
async function removeRetired(
  { workspace_id: workspaceId, not_before: notBefore }: Extract<MaintenanceMessage, { kind: 'remove_version' }>,
  services: Services,
  remainingTime: () => number,
): Promise<void> {
  const { queue, clock, config } = services;
  const now = clock.now().getTime() / 1_000;
  if (now < notBefore) {
    await nudgeRemoval(queue, workspaceId, notBefore, now);
    return;
  }
  const hasTime = timeForSteps(remainingTime);
  const isDone = await removeVersions(services, workspaceId, { graceSeconds: config.versionGraceSeconds, hasTime });
  if (!isDone) await nudgeRemoval(queue, workspaceId, now, now);
}

/**
 * A sweep that fails (for example because the database is down) is followed by another soon: its own message would be redelivered only when its
 * visibility ends, after an hour and a half, and would be a dead letter in the end.
 */
async function sweepOrComeBack(services: Services, remainingTime: () => number): Promise<void> {
  const { announcements, database, failpoint, queue, clock, log } = services;
  try {
    const actions = createSweepActions(database, queue, nudgeOther);
    const report = await sweep({ database, failpoint, queue, clock, actions }, remainingTime);
    if (!report) return;
    log.sweepFinished(report);
    for (const workspaceId of report.ended) {
      await announcements.tell(workspaceId);
      await services.removals.arm(workspaceId);
    }
    // What was not published now may be all that is left, with no sweep armed for it.
    if (await announcements.tellLeft()) await sendSweep(queue, comeBackSeconds);
  } catch (error) {
    if (!(await sendSweep(queue, comeBackSeconds))) throw error;
    log.recordFailed(error, { source: 'sweep', messageId: log.requestId() ?? '' });
  }
}
