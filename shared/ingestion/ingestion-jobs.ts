import type { Db } from '../core/database.ts';
import type { Priority } from '../core/work-queue.ts';
import type { JobKind, RestartedJob } from '../jobs/job-kinds.ts';
import type { Job } from '../jobs/jobs.ts';
import { ingestionDeadlineMilliseconds } from './accepted-document.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { ingestionNudge } from './nudge-ingestion.ts';
import { lockDocuments, setVersionStatus, type VersionKey } from './set-version-status.ts';

/** Ingestions can be cancelled at any moment, and retried from their object. */
export const ingestionJobs: JobKind = {
  cancel,
  retry,
  refusal: 'Its document is deleted or being deleted, or a newer version has taken its place.',
};

/**
 * Nothing of a cancelled version becomes visible, even if a worker still holds it: the worker finds no version to commit to. Chunks that
 * only this version wanted are no longer embedded; those of a live or another running version still are.
 */
async function cancel(db: Db, workspaceId: string, job: Job): Promise<void> {
  const [key] = versionsOf([job]);
  if (!key) return;
  await lockDocuments(db, workspaceId, [key.documentId]);
  const ended = await setVersionStatus(db, workspaceId, [key], {
    from: ['awaiting_upload', 'queued', 'processing'],
    to: 'cancelled',
  });
  if (ended.length > 0) await dropUnwantedPurchases(db, workspaceId, key.documentId);
}

/**
 * Starts the next attempt at versions that are the newest of their documents: the object is read and split again, and a worker that still
 * holds the previous attempt finds no row to commit to. Stored vectors are kept and not computed again.
 */
async function retry(db: Db, workspaceId: string, jobs: readonly Job[], now: Date): Promise<readonly RestartedJob[]> {
  const asked = versionsOf(jobs);
  const newest = await lockNewest(db, workspaceId, asked);
  const queued = await setVersionStatus(db, workspaceId, newest, { from: ['failed', 'cancelled'], to: 'queued' });
  if (queued.length === 0) return [];
  const deadline = new Date(now.getTime() + ingestionDeadlineMilliseconds);
  const begun = await beginAttempt(db, workspaceId, queued, deadline);
  return begun.map(({ job_id: jobId, document_id: documentId, ...version }) => ({
    jobId,
    nudge: ingestionNudge({ workspaceId, documentId, ...version }),
  }));
}

function versionsOf(jobs: readonly Job[]): VersionKey[] {
  return jobs.flatMap(({ document_id: documentId, version }) =>
    documentId === null || version === null ? [] : [{ documentId, version }],
  );
}

/** Locks the documents. @returns the versions that are the newest of a document that is not being deleted */
async function lockNewest(db: Db, workspaceId: string, asked: readonly VersionKey[]): Promise<readonly VersionKey[]> {
  const locked = await lockDocuments(db, workspaceId, [...new Set(asked.map(({ documentId }) => documentId))]);
  const { rows } = await db.query<{ id: string; version: number }>(
    'SELECT id, version FROM dbrag.documents WHERE workspace_id = $1 AND id = ANY($2::uuid[])',
    [workspaceId, locked],
  );
  const newest = new Map(rows.map(({ id, version }) => [id, version]));
  return asked.filter(({ documentId, version }) => newest.get(documentId) === version);
}

interface BegunAttempt {
  readonly document_id: string;
  readonly version: number;
  readonly attempt: number;
  readonly priority: Priority;
  readonly job_id: string;
}

async function beginAttempt(
  db: Db,
  workspaceId: string,
  versions: readonly VersionKey[],
  deadline: Date,
): Promise<readonly BegunAttempt[]> {
  const { rows } = await db.query<BegunAttempt>(
    `WITH version AS (
       UPDATE dbrag.document_versions v
       SET attempt = v.attempt + 1, content_hash = NULL, splitter_version = NULL, chunks = 0, embedded = 0, reused = 0, tokens = 0,
           deadline_at = $4
       FROM unnest($2::uuid[], $3::int[]) AS asked (document_id, version)
       WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = asked.document_id AND v.version = asked.version
       RETURNING v.document_id, v.version, v.attempt, v.priority, v.job_id
     ), job AS (
       UPDATE dbrag.jobs j SET deadline_at = $4 FROM version WHERE j.workspace_id = $1 AND j.id = version.job_id
     ), document AS (
       UPDATE dbrag.documents d SET deadline_at = $4, error = NULL FROM version WHERE d.workspace_id = $1 AND d.id = version.document_id
     )
     SELECT document_id, version, attempt, priority, job_id FROM version WHERE job_id IS NOT NULL`,
    [workspaceId, versions.map(({ documentId }) => documentId), versions.map(({ version }) => version), deadline],
  );
  return rows;
}
