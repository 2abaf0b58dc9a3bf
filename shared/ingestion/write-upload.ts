import { recordAudit } from '../access/audit.ts';
import type { RequestOrigin } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import { DbragError } from '../core/errors.ts';
import { publicId } from '../core/ids.ts';
import type { ObjectHead } from '../core/object-store.ts';
import type { Priority } from '../core/work-queue.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { acceptDocument, type OneNewDocument } from './accept-document.ts';
import type { AcceptedDocument } from './accepted-document.ts';
import { failVersion } from './fail-version.ts';
import { fittingLabels } from './label-limits.ts';
import type { IngestionNudge } from './nudge-ingestion.ts';
import { uploadSource } from './object-keys.ts';
import { startAnnouncedUpload } from './start-announced-upload.ts';
import { labelsOf, nameOf, priorityOf } from './upload-metadata.ts';

/** The actor in the audit trail: the bucket does not say which person it was. */
export const uploadActor = 's3';

/** A file in the bucket. */
export interface Upload {
  readonly workspaceId: string;
  readonly collectionId: string;
  readonly key: string;
  /** Whether the event was about its sidecar, and not about the file. */
  readonly isSidecar: boolean;
  /** For the audit trail. */
  readonly origin: RequestOrigin;
}

/** What is read from the bucket and the workspace before the transaction. */
export interface UploadContents {
  readonly head: ObjectHead;
  /** The labels of its sidecar, if it has one. */
  readonly sidecar: Record<string, unknown> | undefined;
  /** Undefined: none apply. */
  readonly quotas: WorkspaceQuotas | undefined;
}

/**
 * Writes the rows of a file in the bucket: a new version, the start of one that was announced, or new labels.
 * @returns the nudge for a version that now waits for a worker; undefined when this object is known already, or was deleted here
 */
export async function writeUpload(
  db: Db,
  clock: Clock,
  upload: Upload,
  { head, sidecar, quotas }: UploadContents,
): Promise<IngestionNudge | undefined> {
  const { workspaceId, collectionId } = upload;
  await lockKey(db, workspaceId, upload.key);
  const known = await findUpload(db, upload, head);
  if (known?.buried) return undefined;
  const labels = fittingLabels({ ...labelsOf(head), ...sidecar });
  const given = Object.keys(labels).length > 0 ? labels : undefined;
  if (known?.id && known.s3_version_id === (head.versionId ?? null) && known.version_status !== 'awaiting_upload') {
    // Only its sidecar changes the labels of a file that is known: they may have been changed over HTTPS since it came.
    if (upload.isSidecar) await relabel(db, workspaceId, known.id, labels);
    return undefined;
  }
  if (known?.id && known.version !== null && known.version_status === 'awaiting_upload') {
    const { id: documentId, version, priority } = known;
    await startAnnouncedUpload(db, { workspaceId, documentId, version, head, labels: given, now: clock.now() });
    return { workspaceId, documentId, version, attempt: 1, priority };
  }
  return writeVersion(db, upload, {
    workspaceId,
    collectionId,
    name: nameOf(head, upload.key),
    contentType: head.contentType ?? null,
    bytes: head.bytes,
    metadata: given,
    sourceUri: uploadSource(upload.key),
    priority: priorityOf(head),
    object: { key: upload.key, versionId: head.versionId ?? null },
    status: 'queued',
    createdBy: uploadActor,
    now: clock.now(),
    ...(quotas ? { quotas } : {}),
  });
}

async function writeVersion(
  db: Db,
  { workspaceId, origin }: Upload,
  document: OneNewDocument,
): Promise<IngestionNudge> {
  const { id: documentId, version } = (await acceptOrFail(db, document)).document;
  await recordAudit(db, workspaceId, uploadActor, origin, [
    {
      action: 'document.create',
      resourceType: 'document',
      resourceId: publicId('document', documentId),
      detail: { version },
    },
  ]);
  return { workspaceId, documentId, version, attempt: 1, priority: document.priority };
}

/** Nobody waits for a response that could say that a quota is used up: the document says so, and can be tried again when there is room. */
async function acceptOrFail(db: Db, document: OneNewDocument): Promise<AcceptedDocument> {
  try {
    return await acceptDocument(db, document);
  } catch (error) {
    if (!(error instanceof DbragError) || error.code !== 'quota_exceeded') throw error;
    const { quotas: _, ...unlimited } = document;
    const accepted = await acceptDocument(db, unlimited);
    const { id: documentId, version } = accepted.document;
    const claim = { workspaceId: document.workspaceId, documentId, version, attempt: accepted.attempt };
    await failVersion(db, claim, new DocumentError('quota_exceeded', error.message));
    return accepted;
  }
}

/** Two messages about one object, worked on at once, would both find it unknown and make two versions of it. */
async function lockKey(db: Db, workspaceId: string, key: string): Promise<void> {
  await db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`upload ${workspaceId} ${key}`]);
}

interface KnownUpload {
  /** Null: no document has this source. */
  id: string | null;
  version: number | null;
  version_status: string;
  s3_version_id: string | null;
  priority: Priority;
  /** Whether this version of the object was deleted with its document. */
  buried: boolean;
}

async function findUpload(
  db: Db,
  { workspaceId, collectionId, key }: Upload,
  head: ObjectHead,
): Promise<KnownUpload | undefined> {
  const { rows } = await db.query<KnownUpload>(
    `SELECT d.id, v.version, v.status AS version_status, v.s3_version_id, v.priority,
            EXISTS (SELECT FROM dbrag.tombstones t WHERE t.workspace_id = $1 AND t.s3_key = $4 AND t.s3_version_id = $5) AS buried
     FROM (VALUES (1)) one
     LEFT JOIN dbrag.documents d ON d.workspace_id = $1 AND d.collection_id = $2 AND d.source_uri = $3
     LEFT JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version`,
    [workspaceId, collectionId, uploadSource(key), key, head.versionId ?? ''],
  );
  return rows[0];
}

async function relabel(db: Db, workspaceId: string, documentId: string, metadata: object): Promise<void> {
  await db.query(
    `WITH changed AS (
       UPDATE dbrag.documents SET metadata = $3, updated_at = now()
       WHERE workspace_id = $1 AND id = $2 AND metadata <> $3 AND status <> 'deleting' RETURNING collection_id
     )
     UPDATE dbrag.collections c SET generation = generation + 1
     FROM changed WHERE c.workspace_id = $1 AND c.id = changed.collection_id`,
    [workspaceId, documentId, metadata],
  );
}
