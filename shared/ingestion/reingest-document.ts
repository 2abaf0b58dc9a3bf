import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import type { Priority } from '../core/work-queue.ts';
import { getJob, type Job } from '../jobs/jobs.ts';
import { ingestionDeadlineMilliseconds } from './accepted-document.ts';
import { type Document, getDocument } from './documents.ts';
import { lockDocuments } from './set-version-status.ts';
import { supersedeVersions } from './supersede-versions.ts';

export interface Reingestion {
  readonly workspaceId: string;
  readonly documentId: string;
  /** Undefined: that of the version before. */
  readonly priority: Priority | undefined;
  readonly createdBy: string;
  readonly now: Date;
}

export interface ReingestedDocument {
  readonly document: Document;
  readonly job: Job;
  readonly priority: Priority;
}

/**
 * Promises another version of a document, made from the file of its newest one (of the live one, where that never came) with the splitting settings that its collection has
 * now. Text that comes out the same keeps its vectors. A version that is still under way is overtaken.
 * @throws not_found · conflict while the document is being deleted, or its file has never come
 */
export async function reingestDocument(db: Db, input: Reingestion): Promise<ReingestedDocument> {
  const { workspaceId, documentId } = input;
  const { status } = await getDocument(db, workspaceId, documentId);
  if ((await lockDocuments(db, workspaceId, [documentId])).length === 0)
    throw status === 'deleting' ? new DbragError('conflict', 'The document is being deleted.') : notFound('document');
  const jobId = newUuid();
  const deadline = new Date(input.now.getTime() + ingestionDeadlineMilliseconds);
  const { rows } = await db.query<{ version: number; priority: Priority }>(
    `WITH source AS (
       SELECT v.* FROM dbrag.document_versions v JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = v.document_id
       WHERE v.workspace_id = $1 AND v.document_id = $2
         -- The files of all others leave.
         AND v.version IN (d.version, d.live_version)
         AND v.status <> 'awaiting_upload' AND coalesce(v.error ->> 'code', '') NOT IN ('upload_expired', 'object_missing')
       ORDER BY v.version DESC LIMIT 1
     ), document AS (
       UPDATE dbrag.documents d
       SET version = d.version + 1, s3_key = source.s3_key, content_type = source.content_type, bytes = source.bytes, error = NULL,
           deadline_at = $3, status = CASE WHEN d.live_version IS NULL THEN 'queued' ELSE 'ready' END, updated_at = now()
       FROM source WHERE d.workspace_id = $1 AND d.id = $2
       RETURNING d.version, d.collection_id
     ), version AS (
       INSERT INTO dbrag.document_versions
         (workspace_id, document_id, version, collection_id, priority, status, content_type, bytes, s3_key, s3_version_id, splitter, job_id, deadline_at)
       SELECT $1, $2, document.version, document.collection_id, coalesce($4, source.priority), 'queued', source.content_type, source.bytes,
         source.s3_key, source.s3_version_id, c.chunking, $5, $3
       FROM document CROSS JOIN source JOIN dbrag.collections c ON c.workspace_id = $1 AND c.id = document.collection_id
       RETURNING priority
     ), job AS (
       INSERT INTO dbrag.jobs (workspace_id, id, type, collection_id, document_id, version, priority, created_by, deadline_at)
       SELECT $1, $5, 'ingest_document', document.collection_id, $2, document.version, version.priority, $6, $3 FROM document, version
     )
     SELECT document.version, version.priority FROM document, version`,
    [workspaceId, documentId, deadline, input.priority ?? null, jobId, input.createdBy],
  );
  const begun = rows[0];
  if (!begun) throw new DbragError('conflict', 'This document has no file that could be read again.');
  await supersedeVersions(db, workspaceId, [{ documentId, version: begun.version }]);
  return {
    document: await getDocument(db, workspaceId, documentId),
    job: await getJob(db, workspaceId, jobId),
    priority: begun.priority,
  };
}
