import { type AuditEvent, insertAuditEvents } from '../../shared/access/audit.ts';
import type { RecordedAccess } from '../../shared/access/read-trail.ts';
import { sealTrail } from '../../shared/access/seal-trail.ts';
import { verifyTrailOnward } from '../../shared/access/verify-trail-onward.ts';
import type { Database } from '../../shared/core/database.ts';
import type { Services } from '../runtime/services.ts';

/** Writes the events that came by the queue, or, where none did, seals what is written. */
export async function keepAudit(
  services: Services,
  records: readonly RecordedAccess[] | undefined,
  hasTime: () => boolean,
): Promise<void> {
  if (!records) return sealAudit(services, hasTime);
  for (const [workspaceId, events] of Map.groupBy(records, (record) => record.workspace_id))
    await insertRecorded(services.database, workspaceId, events);
  await services.trail.arm();
}

export async function sealAudit(services: Services, hasTime: () => boolean): Promise<void> {
  const { database, auditRoots: roots, clock, log } = services;
  const seals = await sealTrail({ database, roots, clock }, hasTime);
  if (seals > 0) log.trailSealed({ seals });
}

/** Walks the trail, as far as there is time, and says aloud what does not agree. */
export async function verifyAudit({ database, auditRoots, log }: Services, hasTime: () => boolean): Promise<void> {
  await verifyTrailOnward({ database, roots: auditRoots, hasTime, onFound: (faults) => log.trailBroken({ faults }) });
}

/** Reads of a workspace that was erased since are not recorded. */
async function insertRecorded(database: Database, workspaceId: string, events: readonly AuditEvent[]): Promise<void> {
  await database.inWorkspace({ workspaceId }, async (db) => {
    const { count } = await db.query('SELECT FROM dbrag.audit_chains WHERE workspace_id = $1 FOR KEY SHARE', [
      workspaceId,
    ]);
    if (count > 0) await insertAuditEvents(db, workspaceId, events);
  });
}
