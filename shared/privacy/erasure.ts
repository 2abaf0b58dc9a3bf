import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { publicId } from '../core/ids.ts';
import type { ObjectStore } from '../core/object-store.ts';
import type { AddressedNudge, WorkQueue } from '../core/work-queue.ts';
import type { PasswordStore } from '../databases/passwords.ts';

export interface ErasurePorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  /** Days for which backups of the database are kept: in them, what was erased lives on for as long. */
  readonly backupDays: number;
  /** Passwords of connected databases. */
  readonly passwords: Pick<PasswordStore, 'remove'>;
  /** Forgets what a cache holds of a workspace. @returns how many entries */
  readonly forgetCached: (workspaceId: string) => Promise<number>;
}

/** Whether another step may be started: checked after each, so that every run completes at least one. */
export type HasTime = () => boolean;

/** What an erasure ends with. */
export interface ErasureCertificate {
  readonly object: 'erasure_certificate';
  readonly scope: 'workspace' | 'subject';
  readonly workspace_id: string;
  readonly subject_id: string | null;
  /** Rows, object versions and cache entries that went, by store. */
  readonly erased: Readonly<Record<string, number>>;
  readonly erased_at: string;
  /** Until then, backups of the database still hold it, which nobody reads but to restore. */
  readonly backups_expire_at: string;
  /** GET: counts what is left, now. */
  readonly check: string;
}

export const erasureDeadlineMilliseconds = 24 * 3_600_000;

export function erasureNudge(workspaceId: string, jobId: string, delaySeconds?: number): AddressedNudge {
  const body = { v: 1, kind: 'erase', workspace_id: workspaceId, job_id: jobId };
  return { queue: 'maintenance', nudge: { body, groupId: workspaceId, ...(delaySeconds ? { delaySeconds } : {}) } };
}

export function certificateOf(
  { clock, backupDays }: Pick<ErasurePorts, 'clock' | 'backupDays'>,
  what: { workspaceId: string; subjectId: string | null; jobId: string; erased: Readonly<Record<string, number>> },
): ErasureCertificate {
  const now = clock.now();
  return {
    object: 'erasure_certificate',
    scope: what.subjectId === null ? 'workspace' : 'subject',
    workspace_id: publicId('workspace', what.workspaceId),
    subject_id: what.subjectId && publicId('subject', what.subjectId),
    erased: what.erased,
    erased_at: now.toISOString(),
    backups_expire_at: new Date(now.getTime() + backupDays * 86_400_000).toISOString(),
    check: `/v1/erasures/${publicId('job', what.jobId)}`,
  };
}
