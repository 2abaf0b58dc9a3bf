import { walkWorkspaces } from '../../shared/access/walk-workspaces.ts';
import { dropForgottenMonths, expireHistory } from '../../shared/answering/expire-history.ts';
import { isOutage } from '../../shared/core/outage.ts';
import { embedForgotten } from '../../shared/databases/embed-forgotten.ts';
import { removeOrphanedPasswords } from '../../shared/databases/passwords.ts';
import { nudgeRemoval } from '../../shared/ingestion/arm-removal.ts';
import { checkIntegrityOnward } from '../../shared/ingestion/check-integrity-onward.ts';
import { findMissedDeletions } from '../../shared/ingestion/find-missed-deletions.ts';
import { findMissedUploads } from '../../shared/ingestion/find-missed-uploads.ts';
import { removeOrphans } from '../../shared/ingestion/remove-orphans.ts';
import { resumeDeletions } from '../../shared/ingestion/resume-deletions.ts';
import { retireForgotten } from '../../shared/ingestion/retire-forgotten.ts';
import { expireRecords } from '../../shared/jobs/expire-records.ts';
import { createMonthPartitions } from '../../shared/jobs/month-partitions.ts';
import { forgetErrors } from '../../shared/jobs/seen-errors.ts';
import { recountStored } from '../../shared/limits/stored-amounts.ts';
import { resumeErasures } from '../../shared/privacy/erase-workspace.ts';
import { recountStatistics } from '../../shared/retrieval/recount-statistics.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import { rollUpUsage } from '../../shared/usage/read-usage.ts';
import type { Services } from '../runtime/services.ts';
import { sealAudit, verifyAudit } from './keep-audit.ts';
import { erasurePorts, expireContent, expireSystem } from './keep-privacy.ts';
import { checkIndexes } from './tend-on.ts';

/** Where one invocation of the pass starts, and how long it continues. */
export interface NightlyTurn {
  /** UUID of the workspace that the invocation before ended with; undefined: the pass begins here. */
  readonly after: string | undefined;
  /** The embedding model failed this night already: it is left alone until the next. */
  readonly modelIsAway: boolean;
  /** Whether another step may be started: checked after each workspace, so that every invocation completes at least one. */
  readonly hasTime: () => boolean;
}

/** How the embedding model is left alone in one invocation. */
interface Night {
  modelIsAway: boolean;
  /** Milliseconds since 1970: it is not asked before. */
  askModelFrom: number;
}

/** Where a model that may not be asked now does not say for how long: a failure may have taken as long itself. */
const restSeconds = 60;

/**
 * The full nightly pass: work that no event and no message would trigger. A workspace that fails is reported and keeps no other
 * from its turn.
 * @returns where another invocation continues; undefined when the pass is over
 */
export async function runNightly(
  services: Services,
  { after, modelIsAway, hasTime }: NightlyTurn,
): Promise<{ readonly after: string; readonly modelIsAway: boolean } | undefined> {
  const { database, log } = services;
  const night: Night = { modelIsAway, askModelFrom: 0 };
  if (after === undefined) {
    await createMonthPartitions(database);
    await dropForgottenMonths(database);
    await database.inSystem(forgetErrors);
  }
  for await (const workspaceId of walkWorkspaces(database, after)) {
    try {
      await passWorkspace(services, workspaceId, night, hasTime);
    } catch (error) {
      if (isOutage(error)) throw error;
      log.recordFailed(error, { source: workspaceId, messageId: 'nightly' });
    }
    if (!hasTime()) return { after: workspaceId, modelIsAway: night.modelIsAway };
  }
  await passBucket(services, hasTime);
  await resumeErasures(erasurePorts(services));
  await expireSystem(services, hasTime);
  await sealAudit(services, hasTime);
  await verifyAudit(services, hasTime);
  await checkIndexes(services, hasTime);
  return undefined;
}

async function passWorkspace(
  services: Services,
  workspaceId: string,
  night: Night,
  hasTime: () => boolean,
): Promise<void> {
  const { database, queue, clock, statistics } = services;
  await database.inWorkspace({ workspaceId }, (db) => expireRecords(db, workspaceId));
  await expireHistory(database, workspaceId, hasTime);
  await resumeDeletions({ database, queue, clock }, workspaceId);
  await expireContent(services, workspaceId, hasTime);
  // Like any other, a nudge to remove gets lost; and removing may take longer than a night has for all workspaces.
  if (await database.inWorkspace({ workspaceId }, (db) => retireForgotten(db, workspaceId)))
    await nudgeRemoval(queue, workspaceId, 0, 0);
  // Nudges to fold get lost like any other.
  await statistics.settle(workspaceId, hasTime);
  await database.inWorkspace({ workspaceId }, (db) => recountStatistics(db, workspaceId));
  await database.inWorkspace({ workspaceId }, (db) => recountStored(db, workspaceId));
  await database.inWorkspace({ workspaceId }, (db) => rollUpUsage(db, workspaceId));
  await weighTerms(database, workspaceId, hasTime);
  await removeOrphanedPasswords(services, workspaceId, hasTime);
  if (!night.modelIsAway && clock.now().getTime() >= night.askModelFrom)
    await embedOrWait(services, workspaceId, night, hasTime);
  const onUnseen = (documentId: string, error: unknown) =>
    services.log.recordFailed(error, { source: `integrity of ${documentId}`, messageId: 'nightly' });
  const onFound = (violations: readonly object[]) => services.log.integrityViolated({ workspaceId, violations });
  await checkIntegrityOnward({ database, onUnseen, onFound }, workspaceId, hasTime);
}

/**
 * Embeds what was forgotten. An outage ends it for the night: asked again for each workspace, it would cost the night its time. Where only the
 * rate or our budget is used up, as by somebody's large load, those whose turn is later are asked for again.
 */
async function embedOrWait(
  services: Services,
  workspaceId: string,
  night: Night,
  hasTime: () => boolean,
): Promise<void> {
  const { database, clock, log, space } = services;
  const ports = { database, embedder: space.embedder, now: () => clock.now().getTime() };
  const { failure } = await embedForgotten(ports, workspaceId, hasTime);
  if (!failure) return;
  const { error, texts } = failure;
  log.embeddingWaits({ reason: error.message, chunks: texts, seconds: error.retryAfterSeconds ?? null });
  if (error.retryable) night.askModelFrom = ports.now() + (error.retryAfterSeconds ?? restSeconds) * 1_000;
  else night.modelIsAway = true;
}

/** What is not reached tonight is done the next night: each step keeps its position. */
async function passBucket(services: Services, hasTime: () => boolean): Promise<void> {
  const { database, failpoint, objects, queue, sweep, clock, log } = services;
  await removeOrphans({ database, objects, clock }, hasTime);
  const uploads = {
    database,
    failpoint,
    objects,
    queue,
    sweep,
    clock,
    onRejected: (key: string, reason: string) => log.uploadRejected({ key, reason }),
    onFailed: (key: string, error: unknown) => log.recordFailed(error, { source: key, messageId: 'nightly' }),
  };
  await findMissedUploads(uploads, hasTime);
  await findMissedDeletions(uploads, hasTime);
}
