import { type AuditEvent, insertAuditEvents } from '../../shared/access/audit.ts';
import type { RecordedAccess } from '../../shared/access/read-trail.ts';
import { sealTrail } from '../../shared/access/seal-trail.ts';
import { verifyChainsOnward, verifyRootsOnward } from '../../shared/access/trail-rounds.ts';
import type { TrailFault } from '../../shared/access/verify-chain.ts';
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

/** Walks the chains of the trail, as far as there is time, and says aloud what does not agree. */
export async function verifyAuditChains({ database, log }: Services, hasTime: () => boolean): Promise<void> {
  const onFound = (faults: readonly TrailFault[]) => log.trailBroken({ faults });
  log.trailVerified(await verifyChainsOnward({ database, hasTime, onFound }));
}

/** Compares locked roots with the chains, where there are any, as far as there is time. */
export async function verifyAuditRoots(services: Services, hasTime: () => boolean): Promise<void> {
  const { database, auditRoots: roots, clock, log } = services;
  if (roots === null) return;
  const onFound = (faults: readonly TrailFault[]) => log.trailBroken({ faults });
  log.trailVerified(await verifyRootsOnward({ database, roots, clock, hasTime, onFound }));
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
