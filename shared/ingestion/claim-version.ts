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
  /** How often workers have started it, including this time. */
  readonly claims: number;
  /** The splitting was committed before: only the embedding is left. */
  readonly isSplit: boolean;
}

interface VersionRow {
  document_id: string;
  version: number;
  attempt: number;
  collection_id: string;
  priority: Priority;
  status: string;
  name: string;
  content_type: string | null;
  s3_key: string;
  s3_version_id: string | null;
  splitter: { max_tokens?: number; overlap_tokens?: number } | null;
  claims: number;
  is_split: boolean;
}

/**
 * Moves versions of one workspace from `queued` to `processing`. One that is `processing` already is claimed again: its worker crashed, or
 * the message came twice, and then the fence decides which of the two commits.
 * @param messages no document twice
 * @returns nothing for versions without work: overtaken, deleted, finished, or at another attempt
 */
export async function claimVersions(
  db: Db,
  workspaceId: string,
  messages: readonly IngestDocumentMessage[],
): Promise<ClaimedVersion[]> {
  const asked = messages.map((message) => message.document_id);
  const locked = new Set(await lockDocuments(db, workspaceId, asked));
  const wanted = messages.filter((message) => locked.has(message.document_id));
  if (wanted.length === 0) return [];
  const { rows } = await db.query<VersionRow>(
    `WITH claimed AS (
       UPDATE dbrag.document_versions v
       SET claims = CASE WHEN v.status = 'queued' THEN 1 WHEN v.content_hash IS NULL THEN v.claims + 1 ELSE v.claims END
       FROM unnest($2::uuid[], $3::int[], $4::int[]) AS asked (document_id, version, attempt)
       WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = asked.document_id
         AND v.version = asked.version AND v.attempt = asked.attempt AND v.status IN ('queued', 'processing')
       RETURNING v.*
     )
     SELECT v.document_id, v.version, v.attempt, v.collection_id, v.priority, v.status, d.name, v.content_type, v.s3_key,
            v.s3_version_id, v.splitter, v.claims, v.content_hash IS NOT NULL AS is_split
     FROM claimed v JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = v.document_id`,
    [
      workspaceId,
      wanted.map((message) => message.document_id),
      wanted.map((message) => message.version),
      wanted.map((message) => message.attempt),
    ],
  );
  const queued = rows.filter((row) => row.status === 'queued');
  const begun = queued.map((row) => ({ documentId: row.document_id, version: row.version }));
  await setVersionStatus(db, workspaceId, begun, { from: ['queued'], to: 'processing' });
  return rows.map((row) => claimOf(workspaceId, row));
}

function claimOf(workspaceId: string, row: VersionRow): ClaimedVersion {
  return {
    workspaceId,
    documentId: row.document_id,
    version: row.version,
    attempt: row.attempt,
    collectionId: row.collection_id,
    priority: row.priority,
    name: row.name,
    contentType: row.content_type,
    object: { key: row.s3_key, versionId: row.s3_version_id },
    chunking: chunkingOf(row.splitter),
    claims: row.claims,
    isSplit: row.is_split,
  };
}

function chunkingOf(splitter: VersionRow['splitter']): ChunkingSettings {
  const maxTokens = splitter?.max_tokens ?? defaultChunking.maxTokens;
  const overlapTokens = splitter?.overlap_tokens ?? defaultChunking.overlapTokens;
  return { maxTokens, overlapTokens: Math.min(overlapTokens, Math.floor(maxTokens / 2)) };
}
