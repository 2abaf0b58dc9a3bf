import { findMissedDeletions } from '../../shared/ingestion/find-missed-deletions.ts';
import { findMissedUploads } from '../../shared/ingestion/find-missed-uploads.ts';
import { removeOrphans } from '../../shared/ingestion/remove-orphans.ts';
import type { NightStep } from '../../shared/jobs/maintenance.message.ts';
import { resumeErasures } from '../../shared/privacy/erase-workspace.ts';
import type { Services } from '../runtime/services.ts';
import { sealAudit, verifyAuditChains, verifyAuditRoots } from './keep-audit.ts';
import { erasurePorts, expireSystem } from './keep-privacy.ts';
import { checkIndexes } from './tend-on.ts';

/** What the nightly pass does behind the workspaces. What is not reached tonight is done the next night: each step keeps its position. */
export const doNightStep: Record<NightStep, (services: Services, hasTime: () => boolean) => Promise<unknown>> = {
  orphans: (services, hasTime) => removeOrphans(services, hasTime),
  uploads: (services, hasTime) => findMissedUploads(missingPorts(services), hasTime),
  deletions: (services, hasTime) => findMissedDeletions(missingPorts(services), hasTime),
  erasures: (services) => resumeErasures(erasurePorts(services)),
  expiry: expireSystem,
  seals: sealAudit,
  chains: verifyAuditChains,
  roots: verifyAuditRoots,
  indexes: checkIndexes,
};

function missingPorts({ database, failpoint, objects, queue, sweep, clock, log }: Services) {
  return {
    database,
    failpoint,
    objects,
    queue,
    sweep,
    clock,
    onRejected: (key: string, reason: string) => log.uploadRejected({ key, reason }),
    onFailed: (key: string, error: unknown) => log.recordFailed(error, { source: key, messageId: 'nightly' }),
  };
}
