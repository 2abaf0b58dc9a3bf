import { walkWorkspaces } from '../../shared/access/walk-workspaces.ts';
import { dropForgottenMonths, expireHistory } from '../../shared/answering/expire-history.ts';
import { isOutage } from '../../shared/core/outage.ts';
import { embedForgotten } from '../../shared/databases/embed-forgotten.ts';
import { removeOrphanedPasswords } from '../../shared/databases/passwords.ts';
import { nudgeRemoval } from '../../shared/ingestion/arm-removal.ts';
import { checkIntegrityOnward } from '../../shared/ingestion/check-integrity-onward.ts';
import { resumeDeletions } from '../../shared/ingestion/resume-deletions.ts';
import { retireForgotten } from '../../shared/ingestion/retire-forgotten.ts';
import { expireRecords } from '../../shared/jobs/expire-records.ts';
import { type NightStep, nightSteps } from '../../shared/jobs/maintenance.message.ts';
import { createMonthPartitions } from '../../shared/jobs/month-partitions.ts';
import { forgetErrors } from '../../shared/jobs/seen-errors.ts';
import { recountStored } from '../../shared/limits/stored-amounts.ts';
import { recountStatistics } from '../../shared/retrieval/recount-statistics.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import { rollUpUsage } from '../../shared/usage/read-usage.ts';
import type { Services } from '../runtime/services.ts';
import { expireContent } from './keep-privacy.ts';
import { doNightStep } from './night-steps.ts';

/** Where an invocation of the pass starts. */
export interface NightlyPlace {
  /** UUID of the workspace that the invocation before ended with; undefined: the pass begins here. */
  readonly after: string | undefined;
  /** What is done behind the workspaces, from here on; undefined: they are not done yet. */
  readonly step: NightStep | undefined;
  /** The embedding model failed this night already: it is left alone until the next. */
  readonly modelIsAway: boolean;
}

/** How long an invocation continues. */
export interface NightlyTime {
  /** Whether another slice may be started: checked after each workspace, so that every invocation completes at least one. */
  readonly hasTime: () => boolean;
  /** Whether nearly all of the invocation is left. A step that began with less would get what another leaves, and perhaps nothing every night. */
  readonly isFresh: () => boolean;
}

/** Workspaces come in descending order of their ids: behind this one there is none. */
const behindAll = '00000000-0000-0000-0000-000000000000';

/** How the embedding model is left alone in one invocation. */
interface Night {
  modelIsAway: boolean;
  /** Milliseconds since 1970: it is not asked before. */
  askModelFrom: number;
}

/** Where a model that may not be asked now does not say for how long: a failure may have taken as long itself. */
const restSeconds = 60;

/**
 * The full nightly pass: work that no event and no message would trigger. A workspace or a step that fails is reported and keeps no other
 * from its turn.
 * @returns where another invocation continues; undefined when the pass is over
 */
export async function runNightly(
  services: Services,
  place: NightlyPlace,
  time: NightlyTime,
): Promise<NightlyPlace | undefined> {
  const { after, step } = place;
  if (step !== undefined) return passSteps(services, place, step, time);
  const { database, log } = services;
  const night: Night = { modelIsAway: place.modelIsAway, askModelFrom: 0 };
  if (after === undefined) {
    await createMonthPartitions(database);
    await dropForgottenMonths(database);
    await database.inSystem(forgetErrors);
  }
  for await (const workspaceId of walkWorkspaces(database, after)) {
    try {
      await passWorkspace(services, workspaceId, night, time.hasTime);
    } catch (error) {
      if (isOutage(error)) throw error;
      log.recordFailed(error, { source: workspaceId, messageId: 'nightly' });
    }
    if (!time.hasTime()) return { after: workspaceId, step, modelIsAway: night.modelIsAway };
  }
  const [first] = nightSteps;
  const rest: NightlyPlace = { after: behindAll, step: first, modelIsAway: night.modelIsAway };
  return time.isFresh() ? passSteps(services, rest, first, time) : rest;
}

/** The given step is done in any case, so that every invocation completes at least one. */
async function passSteps(
  services: Services,
  place: NightlyPlace,
  from: NightStep,
  { hasTime, isFresh }: NightlyTime,
): Promise<NightlyPlace | undefined> {
  for (const step of nightSteps.slice(nightSteps.indexOf(from))) {
    if (step !== from && !isFresh()) return { ...place, after: behindAll, step };
    try {
      await doNightStep[step](services, hasTime);
    } catch (error) {
      if (isOutage(error)) throw error;
      services.log.recordFailed(error, { source: step, messageId: 'nightly' });
    }
  }
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
