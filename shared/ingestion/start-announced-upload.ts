import type { Db } from '../core/database.ts';
import type { ObjectHead } from '../core/object-store.ts';
import { ingestionDeadlineMilliseconds } from './accepted-document.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';

export interface AnnouncedUpload {
  readonly workspaceId: string;
  readonly documentId: string;
  readonly version: number;
  readonly head: ObjectHead;
  /** Undefined: those of the announcement stay as they are. */
  readonly labels: object | undefined;
  readonly now: Date;
}

/** An announced file has arrived: its version now waits for a worker, with a new deadline. A version that was given up stays so. */
export async function startAnnouncedUpload(db: Db, upload: AnnouncedUpload): Promise<void> {
  const { workspaceId, documentId, version, head, labels, now } = upload;
  const deadline = new Date(now.getTime() + ingestionDeadlineMilliseconds);
  await lockDocuments(db, workspaceId, [documentId]);
  const started = await setVersionStatus(db, workspaceId, [{ documentId, version }], {
    from: ['awaiting_upload'],
    to: 'queued',
  });
  if (started.length === 0) return;
  await db.query(
    `UPDATE dbrag.document_versions SET s3_version_id = $4, bytes = $5, content_type = $6, deadline_at = $7
     WHERE workspace_id = $1 AND document_id = $2 AND version = $3`,
    [workspaceId, documentId, version, head.versionId ?? null, head.bytes, head.contentType ?? null, deadline],
  );
  await db.query(
    'UPDATE dbrag.jobs SET deadline_at = $4 WHERE workspace_id = $1 AND document_id = $2 AND version = $3',
    [workspaceId, documentId, version, deadline],
  );
  await db.query(
    `UPDATE dbrag.documents SET bytes = $3, content_type = $4, metadata = metadata || coalesce($5, '{}'::jsonb), deadline_at = $6
     WHERE workspace_id = $1 AND id = $2 AND status <> 'deleting'`,
    [workspaceId, documentId, head.bytes, head.contentType ?? null, labels ?? null, deadline],
  );
}
