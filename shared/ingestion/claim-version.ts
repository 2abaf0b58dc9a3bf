import type { Db } from '../core/database.ts';
import type { Priority } from '../core/work-queue.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';
import type { ChunkingSettings } from './split.ts';
import { defaultChunking } from './split.ts';

/** A version that this worker may ingest, as it stood when it was claimed. */
export interface ClaimedVersion {
  readonly workspaceId: string;
  readonly documentId: string;
  readonly version: number;
  readonly attempt: number;
  readonly collectionId: string;
  readonly priority: Priority;
  readonly name: string;
  readonly contentType: string | null;
  readonly object: { readonly key: string; readonly versionId: string | null };
  readonly chunking: ChunkingSettings;
  /** The splitting was committed before: only the embedding is left. */
  readonly isSplit: boolean;
}

interface VersionRow {
  collection_id: string;
  priority: Priority;
  status: string;
  name: string;
  content_type: string | null;
  s3_key: string;
  s3_version_id: string | null;
  splitter: { max_tokens?: number; overlap_tokens?: number } | null;
  is_split: boolean;
}

/**
 * Takes a version from `queued` to `processing`. One that is `processing` already is claimed again: its worker crashed, or this is
 * the same message twice, and then the fence decides which of the two commits.
 * @returns undefined where there is nothing to do: overtaken, deleted, finished, or another attempt
 */
export async function claimVersion(db: Db, message: IngestDocumentMessage): Promise<ClaimedVersion | undefined> {
  const { workspace_id: workspaceId, document_id: documentId, version, attempt } = message;
  if ((await lockDocuments(db, workspaceId, [documentId])).length === 0) return undefined;
  const { rows } = await db.query<VersionRow>(
    `WITH v AS (
       UPDATE dbrag.document_versions SET claims = CASE WHEN status = 'queued' THEN 1 WHEN content_hash IS NULL THEN claims + 1 ELSE claims END
       WHERE workspace_id = $1 AND document_id = $2 AND version = $3 AND attempt = $4 AND status IN ('queued', 'processing')
       RETURNING *
     )
     SELECT v.collection_id, v.priority, v.status, d.name, v.content_type, v.s3_key, v.s3_version_id, v.splitter,
            v.content_hash IS NOT NULL AS is_split
     FROM v JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = v.document_id`,
    [workspaceId, documentId, version, attempt],
  );
  const row = rows[0];
  if (!row) return undefined;
  if (row.status === 'queued')
    await setVersionStatus(db, workspaceId, [{ documentId, version }], { from: ['queued'], to: 'processing', attempt });
  return {
    workspaceId,
    documentId,
    version,
    attempt,
    collectionId: row.collection_id,
    priority: row.priority,
    name: row.name,
    contentType: row.content_type,
    object: { key: row.s3_key, versionId: row.s3_version_id },
    chunking: chunkingOf(row.splitter),
    isSplit: row.is_split,
  };
}

function chunkingOf(splitter: VersionRow['splitter']): ChunkingSettings {
  const maxTokens = splitter?.max_tokens ?? defaultChunking.maxTokens;
  const overlapTokens = splitter?.overlap_tokens ?? defaultChunking.overlapTokens;
  return { maxTokens, overlapTokens: Math.min(overlapTokens, Math.floor(maxTokens / 2)) };
}
