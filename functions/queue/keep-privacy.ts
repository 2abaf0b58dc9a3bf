import { systemChain } from '../../shared/access/audit.ts';
import { defaultAuditRetentionDays, dropTrailMonths, expireTrail } from '../../shared/access/expire-trail.ts';
import { getWorkspace } from '../../shared/access/workspaces.ts';
import type { ErasurePorts } from '../../shared/privacy/erasure.ts';
import { expireDocuments, expireExports } from '../../shared/privacy/retention.ts';
import { runErasure } from '../../shared/privacy/run-erasure.ts';
import { runExport } from '../../shared/privacy/run-export.ts';
import type { Services } from '../runtime/services.ts';

interface JobMessage {
  readonly workspace_id: string;
  readonly job_id: string;
}

export function erasurePorts({
  database,
  objects,
  queue,
  clock,
  failpoint,
  config,
  cache,
  passwords,
}: Services): ErasurePorts {
  return {
    database,
    objects,
    queue,
    clock,
    failpoint,
    backupDays: config.backupDays,
    passwords,
    forgetCached: async (workspaceId) => (await cache?.forget(workspaceId)) ?? 0,
  };
}

export async function eraseOn(services: Services, message: JobMessage, hasTime: () => boolean): Promise<void> {
  await runErasure(erasurePorts(services), message.workspace_id, message.job_id, hasTime);
  await services.trail.arm();
}

/** Months of the trail that hold nothing any more; and what is past its time of the system's own chain, which is no workspace's. */
export async function expireSystem({ database }: Services, hasTime: () => boolean): Promise<void> {
  await expireTrail(database, systemChain, defaultAuditRetentionDays, hasTime);
  await dropTrailMonths(database);
}

export function exportOn(services: Services, message: JobMessage, hasTime: () => boolean): Promise<void> {
  const { database, objects, queue, clock, failpoint, trail } = services;
  const ports = { database, objects, queue, clock, failpoint, keys: trail.keys };
  return runExport(ports, message.workspace_id, message.job_id, hasTime);
}

/** Applies a workspace's retention: to documents, archives of exports, and the beginning of the audit trail. */
export async function expireContent(services: Services, workspaceId: string, hasTime: () => boolean): Promise<void> {
  const { database } = services;
  const settings = await database.inWorkspace({ workspaceId }, (db) => getWorkspace(db, workspaceId));
  if (settings.document_retention_days !== null)
    await expireDocuments(services, workspaceId, settings.document_retention_days);
  await expireExports(services, workspaceId);
  await expireTrail(database, workspaceId, settings.audit_retention_days ?? defaultAuditRetentionDays, hasTime);
}
