import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import type { Priority } from '../core/work-queue.ts';
import type { Job } from '../jobs/jobs.ts';
import type { Document } from './documents.ts';
import { supersedeVersions } from './supersede-versions.ts';

export interface NewDocument {
  readonly workspaceId: string;
  readonly collectionId: string;
  readonly name: string;
  readonly contentType: string | null;
  /** Null: not known yet. */
  readonly bytes: number | null;
  /** Undefined: keep what the document has. */
  readonly metadata?: object | undefined;
  /** The same source is the same document: this becomes its next version. Null: always a new document. */
  readonly sourceUri: string | null;
  readonly priority: Priority;
  readonly object: { readonly key: string; readonly versionId: string | null };
  readonly status: 'queued' | 'awaiting_upload';
  /** Made ahead by the caller where the object's key names it. */
  readonly documentId?: string;
  readonly createdBy: string;
  readonly now: Date;
}

export interface AcceptedDocument {
  readonly document: Document;
  readonly job: Job;
  readonly attempt: number;
}

/** Unfinished ingestion is given up after this long; the sweeper moves it while a backlog is worked off. */
export const ingestionDeadlineMilliseconds = 6 * 3_600_000;
/**
 * A promised file that never came is given up after this long: its URL worked for 15 minutes, and what had begun by then has had time
 * to arrive. Sweeps go on until then, so a day would keep an idle database awake. A file that comes later is a new version.
 */
export const uploadDeadlineMilliseconds = 2 * 3_600_000;

/**
 * Writes the rows that promise an ingestion: document, version, job, in one statement (a bulk load is bound by round trips). What
 * runs later reads them; the message is only a nudge. A version that is still under way is overtaken. Two posts of one source at
 * once become two versions and never two documents.
 * @throws not_found for an unknown collection · conflict while the document of this source is being deleted
 */
export async function acceptDocument(db: Db, input: NewDocument): Promise<AcceptedDocument> {
  const jobId = newUuid();
  const deadline = new Date(
    input.now.getTime() + (input.status === 'queued' ? ingestionDeadlineMilliseconds : uploadDeadlineMilliseconds),
  );
  const { rows } = await db.query<AcceptedRow>(
    `WITH collection AS (
       SELECT id, chunking FROM dbrag.collections WHERE workspace_id = $1 AND id = $3 AND status = 'active'
     ), document AS (
       INSERT INTO dbrag.documents AS d
         (workspace_id, id, collection_id, name, source_uri, content_type, bytes, metadata, status, version, s3_key, deadline_at)
       SELECT $1, $2, collection.id, $4, $5, $6, $7, coalesce($8, '{}'::jsonb), $9, 1, $10, $11 FROM collection
       ON CONFLICT (workspace_id, collection_id, source_uri) DO UPDATE
         SET version = d.version + 1, name = excluded.name, content_type = excluded.content_type, bytes = excluded.bytes,
             metadata = coalesce($8, d.metadata), s3_key = excluded.s3_key, error = NULL, deadline_at = excluded.deadline_at,
             status = CASE WHEN d.live_version IS NULL THEN excluded.status ELSE 'ready' END, updated_at = now()
         WHERE d.status <> 'deleting'
       RETURNING *
     ), version AS (
       INSERT INTO dbrag.document_versions
         (workspace_id, document_id, version, collection_id, priority, status, content_type, bytes, s3_key, s3_version_id, splitter, job_id, deadline_at)
       SELECT $1, document.id, document.version, $3, $12, $9, $6, $7, $10, $13, collection.chunking, $14, $11 FROM document, collection
     ), job AS (
       INSERT INTO dbrag.jobs (workspace_id, id, type, collection_id, document_id, version, priority, created_by, deadline_at)
       SELECT $1, $14, 'ingest_document', $3, document.id, document.version, $12, $15, $11 FROM document
     )
     SELECT EXISTS (SELECT FROM collection) AS known, d.id, d.collection_id, d.name, d.source_uri, d.content_type, d.bytes::float8 AS bytes,
            d.metadata, d.status, d.version, d.live_version, d.error, 0 AS chunks, 0 AS embedded, 0 AS reused, d.created_at, d.updated_at
     FROM (VALUES (1)) one LEFT JOIN document d ON true`,
    [
      input.workspaceId,
      input.documentId ?? newUuid(),
      input.collectionId,
      input.name,
      input.sourceUri,
      input.contentType,
      input.bytes,
      input.metadata ?? null,
      input.status,
      input.object.key,
      deadline,
      input.priority,
      input.object.versionId,
      jobId,
      input.createdBy,
    ],
  );
  const { known, ...document } = rows[0] as AcceptedRow;
  if (!known) throw notFound('collection');
  if (document.id === null) {
    throw new DbragError('conflict', 'The document of this source is being deleted; try again when it is gone.', {
      retryAfterSeconds: 5,
    });
  }
  if (document.version > 1) await supersedeVersions(db, input.workspaceId, document.id, document.version);
  return { document, job: queuedJob(jobId, document, input, deadline), attempt: 1 };
}

type AcceptedRow = Document & { readonly known: boolean };

/** The job as it was just written. */
function queuedJob(id: string, document: Document, input: NewDocument, deadline: Date): Job {
  return {
    id,
    type: 'ingest_document',
    status: 'queued',
    collection_id: input.collectionId,
    document_id: document.id,
    version: document.version,
    progress_done: 0,
    progress_total: null,
    progress_unit: 'chunks',
    attempts: 0,
    why: null,
    error: null,
    result: null,
    created_at: document.updated_at,
    started_at: null,
    finished_at: null,
    deadline_at: deadline,
    ingestion: {
      status: input.status,
      priority: input.priority,
      chunks: 0,
      embedded: 0,
      reused: 0,
      pending: 0,
      ahead: null,
      waiting_until: null,
    },
  };
}
