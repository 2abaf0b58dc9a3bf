import { Conditions } from '../core/conditions.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { Priority } from '../core/work-queue.ts';

export type JobType =
  | 'ingest_document'
  | 'update_metadata_catalog'
  | 'batch_embed'
  | 'rebuild_index'
  | 'export'
  | 'erase'
  | 'delete';
export type JobStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The version that an ingestion job works on; null for other jobs. */
export interface VersionProgress {
  readonly status: string;
  readonly priority: Priority;
  readonly chunks: number;
  readonly embedded: number;
  readonly reused: number;
  /** Distinct texts that still lack a vector. */
  readonly pending: number;
  /** While it is queued: older versions of the same workspace and priority, `mostAhead` at most; null if they were not counted. */
  readonly ahead: number | null;
  readonly waiting_until: Date | null;
  /** What is wrong with the model that it waits for, in one sentence; null: nothing known. */
  readonly waiting_for?: string | null;
}

export interface Job {
  readonly id: string;
  readonly type: JobType;
  readonly status: JobStatus;
  readonly collection_id: string | null;
  readonly connection_id: string | null;
  readonly document_id: string | null;
  readonly version: number | null;
  readonly progress_done: number;
  readonly progress_total: number | null;
  readonly progress_unit: string | null;
  readonly attempts: number;
  readonly why: string | null;
  readonly error: Failure | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly deadline_at: Date | null;
  readonly ingestion: VersionProgress | null;
}

export interface NewJob {
  readonly type: JobType;
  readonly collectionId?: string | null;
  readonly connectionId?: string | null;
  readonly documentId?: string | null;
  readonly version?: number | null;
  readonly priority?: Priority;
  readonly input?: object;
  readonly createdBy: string;
  readonly deadline: Date;
}

/** @returns the new job's UUID */
export async function createJob(db: Db, workspaceId: string, job: NewJob): Promise<string> {
  const id = newUuid();
  await db.query(
    `INSERT INTO dbrag.jobs (workspace_id, id, type, collection_id, document_id, version, priority, input, created_by, deadline_at, connection_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      workspaceId,
      id,
      job.type,
      job.collectionId ?? null,
      job.documentId ?? null,
      job.version ?? null,
      job.priority ?? 'default',
      job.input ?? {},
      job.createdBy,
      job.deadline,
      job.connectionId ?? null,
    ],
  );
  return id;
}

/** Versions ahead in the queue are counted up to this many. */
export const mostAhead = 1_000;

const inLine = `
  SELECT count(*)::int FROM (
    SELECT FROM dbrag.document_versions o
    WHERE o.workspace_id = v.workspace_id AND o.priority = v.priority AND o.status IN ('queued', 'processing')
      AND o.content_hash IS NULL AND o.created_at < v.created_at
    LIMIT ${mostAhead}) line`;

/** @param ahead also counts the versions ahead in the queue: a query for each job, so not for lists */
const selectJob = (ahead: string) => `
  SELECT j.id, j.type, j.status, j.collection_id, j.connection_id, j.document_id, j.version, j.progress_done::int, j.progress_total::int, j.progress_unit,
         j.attempts, j.why, j.error, j.result, j.created_at, j.started_at, j.finished_at, j.deadline_at,
         CASE WHEN v.version IS NULL THEN NULL ELSE jsonb_build_object(
           'status', v.status, 'priority', v.priority, 'chunks', v.chunks, 'embedded', v.embedded, 'reused', v.reused,
           'pending', CASE WHEN v.status = 'processing' THEN (
             SELECT count(*) FROM dbrag.pending_embeddings e WHERE e.workspace_id = v.workspace_id AND e.document_id = v.document_id) ELSE 0 END,
           'ahead', CASE WHEN v.status = 'queued' THEN (${ahead}) END,
           'waiting_until', v.waiting_until,
           'waiting_for', CASE WHEN v.status = 'processing' THEN (
             SELECT c.reason FROM dbrag.pending_embeddings e JOIN dbrag.model_circuits c ON c.model = e.model
             WHERE e.workspace_id = v.workspace_id AND e.document_id = v.document_id AND c.opened_at IS NOT NULL LIMIT 1) END) END AS ingestion
  FROM dbrag.jobs j
  LEFT JOIN dbrag.document_versions v
    ON j.type = 'ingest_document' AND v.workspace_id = j.workspace_id AND v.document_id = j.document_id AND v.version = j.version`;

const selectOne = selectJob(inLine);
const selectMany = selectJob('NULL');

/** @throws not_found */
export async function getJob(db: Db, workspaceId: string, id: string): Promise<Job> {
  const { rows } = await db.query<Job>(`${selectOne} WHERE j.workspace_id = $1 AND j.id = $2`, [workspaceId, id]);
  if (!rows[0]) throw notFound('job');
  return rows[0];
}

/** Jobs that ended with a status, oldest first, after a given one. */
export async function listEndedJobs(
  db: Db,
  workspaceId: string,
  filter: { status: JobStatus; code?: string | undefined; collectionId?: string | undefined },
  after: string | undefined,
  limit: number,
): Promise<readonly Job[]> {
  const conditions = new Conditions([workspaceId, limit], 'j.workspace_id = $1');
  conditions.where((place) => `j.status = ${place}`, filter.status);
  conditions.where((place) => `j.error ->> 'code' = ${place}`, filter.code);
  conditions.where((place) => `j.collection_id = ${place}`, filter.collectionId);
  conditions.where((place) => `(j.created_at, j.id) > ${placeOf(place)}`, after);
  const { rows } = await db.query<Job>(
    `${selectMany} WHERE ${conditions} ORDER BY j.created_at, j.id LIMIT $2`,
    conditions.values,
  );
  return rows;
}

export async function listJobs(
  db: Db,
  workspaceId: string,
  filter: { type?: JobType | undefined; status?: JobStatus | undefined; documentId?: string | undefined },
  { limit, after }: PageRequest,
): Promise<Page<Job>> {
  const conditions = new Conditions([workspaceId, limit], 'j.workspace_id = $1');
  conditions.where((place) => `j.type = ${place}`, filter.type);
  conditions.where((place) => `j.status = ${place}`, filter.status);
  conditions.where((place) => `j.document_id = ${place}`, filter.documentId);
  conditions.where((place) => `(j.created_at, j.id) < ${placeOf(place)}`, after);
  const { rows } = await db.query<Job>(
    `${selectMany} WHERE ${conditions} ORDER BY j.created_at DESC, j.id DESC LIMIT $2 + 1`,
    conditions.values,
  );
  return pageOf(rows, limit);
}

const placeOf = (parameter: string) =>
  `(SELECT a.created_at, a.id FROM dbrag.jobs a WHERE a.workspace_id = $1 AND a.id = ${parameter})`;
