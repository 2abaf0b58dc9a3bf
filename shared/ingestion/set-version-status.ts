import type { Db } from '../core/database.ts';
import { setIngestionJobs } from '../jobs/ingestion-job.ts';
import type { Failure, JobStatus } from '../jobs/jobs.ts';
import { retireOvertaken } from './retire-overtaken.ts';

export type VersionStatus = 'awaiting_upload' | 'queued' | 'processing' | 'ready' | 'failed' | 'cancelled';

export interface VersionKey {
  readonly documentId: string;
  readonly version: number;
}

export interface StatusChange {
  /** Only versions that have one of these now are changed. */
  readonly from: readonly VersionStatus[];
  readonly to: VersionStatus;
  /** The fence: only this attempt. */
  readonly attempt?: number;
  /** Required with `failed`; says with `cancelled` why. */
  readonly error?: Failure;
}

export interface MovedVersion extends VersionKey {
  readonly collectionId: string;
  readonly jobId: string | null;
}

const jobStatusOf: Readonly<Record<VersionStatus, JobStatus>> = {
  awaiting_upload: 'queued',
  queued: 'queued',
  processing: 'running',
  ready: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
};

/**
 * Locks documents against every other writer, in one order everywhere: documents (by id), then versions, jobs, collections.
 * @returns those that exist and are not being deleted
 */
export async function lockDocuments(db: Db, workspaceId: string, documentIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND status <> 'deleting' ORDER BY id FOR UPDATE`,
    [workspaceId, documentIds],
  );
  return rows.map((row) => row.id);
}

/**
 * The one place that changes a version's status: the version, its job and its document, in the caller's transaction. A version that
 * becomes `ready` becomes live, unless a newer one is, and retires those before it. The caller has locked the documents (`lockDocuments`). The caller
 * also sends the message for the next step, so the version counts as nudged now.
 * @returns the versions that really moved
 */
export async function setVersionStatus(
  db: Db,
  workspaceId: string,
  versions: readonly VersionKey[],
  change: StatusChange,
): Promise<readonly MovedVersion[]> {
  if (versions.length === 0) return [];
  const moved = await moveVersions(db, workspaceId, versions, change);
  if (moved.length === 0) return [];
  const jobIds = moved.flatMap((version) => version.jobId ?? []);
  const job = { status: jobStatusOf[change.to], error: change.error ?? null };
  await Promise.all([
    setIngestionJobs(db, workspaceId, jobIds, change.error ? { ...job, why: change.error.message } : job),
    moveDocuments(db, workspaceId, moved, change),
    change.to === 'ready' ? retireOvertaken(db, workspaceId, moved) : undefined,
  ]);
  return moved;
}

async function moveVersions(
  db: Db,
  workspaceId: string,
  versions: readonly VersionKey[],
  { from, to, attempt, error }: StatusChange,
): Promise<readonly MovedVersion[]> {
  const { rows } = await db.query<{
    document_id: string;
    version: number;
    collection_id: string;
    job_id: string | null;
  }>(
    `UPDATE dbrag.document_versions v
     SET status = $4, error = $5, waiting_until = NULL, nudged_at = now(), nudges = 0,
         started_at = CASE WHEN $4 = 'processing' THEN coalesce(v.started_at, now()) ELSE v.started_at END,
         ready_at = CASE WHEN $4 = 'ready' THEN now() ELSE v.ready_at END,
         finished_at = CASE WHEN $4 IN ('ready', 'failed', 'cancelled') THEN now() END,
         retired_at = CASE WHEN $4 IN ('failed', 'cancelled') THEN now() END, removed_at = NULL
     FROM unnest($2::uuid[], $3::int[]) AS asked (document_id, version)
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = asked.document_id AND v.version = asked.version
       AND v.status = ANY($6::text[]) AND ($7::int IS NULL OR v.attempt = $7)
     RETURNING v.document_id, v.version, v.collection_id, v.job_id`,
    [
      workspaceId,
      versions.map((version) => version.documentId),
      versions.map((version) => version.version),
      to,
      error ?? null,
      from,
      attempt ?? null,
    ],
  );
  return rows.map((row) => ({
    documentId: row.document_id,
    version: row.version,
    collectionId: row.collection_id,
    jobId: row.job_id,
  }));
}

/** `deleting` stays. A document with a live version is `ready`, whatever its newest version does. Otherwise the newest version decides. */
async function moveDocuments(
  db: Db,
  workspaceId: string,
  moved: readonly MovedVersion[],
  { to, error }: StatusChange,
): Promise<void> {
  await db.query(
    `UPDATE dbrag.documents d
     SET live_version = CASE WHEN $4 = 'ready' THEN greatest(d.live_version, m.version) ELSE d.live_version END,
         status = CASE WHEN d.live_version IS NOT NULL OR $4 = 'ready' THEN 'ready' WHEN d.version = m.version THEN $4 ELSE d.status END,
         error = CASE WHEN d.version > m.version THEN d.error WHEN $4 = 'failed' THEN $5::jsonb WHEN $4 = 'ready' THEN NULL ELSE d.error END,
         updated_at = now()
     FROM (SELECT document_id, max(version) AS version
           FROM unnest($2::uuid[], $3::int[]) AS moved (document_id, version) GROUP BY document_id) m
     WHERE d.workspace_id = $1 AND d.id = ANY($2::uuid[]) AND d.id = m.document_id AND d.status <> 'deleting'`,
    [
      workspaceId,
      moved.map((version) => version.documentId),
      moved.map((version) => version.version),
      to,
      error ?? null,
    ],
  );
}
