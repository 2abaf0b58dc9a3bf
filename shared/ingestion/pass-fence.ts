import type { Db } from '../core/database.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { lockDocuments } from './set-version-status.ts';

/**
 * Until the transaction ends nobody else writes to these documents, of one workspace and no document twice. A worker that was
 * overtaken, retried or deleted finds no row.
 * @returns the claims that did not come too late
 */
export async function passFence<Claim extends ClaimedVersion>(db: Db, claims: readonly Claim[]): Promise<Claim[]> {
  const [first] = claims;
  if (!first) return [];
  const documentIds = claims.map((claim) => claim.documentId);
  const [locked, { rows }] = await Promise.all([
    lockDocuments(db, first.workspaceId, documentIds),
    db.query<{ document_id: string }>(
      `SELECT v.document_id FROM dbrag.document_versions v
       JOIN unnest($2::uuid[], $3::int[], $4::int[]) AS asked (document_id, version, attempt)
         ON v.document_id = asked.document_id AND v.version = asked.version AND v.attempt = asked.attempt
       WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.status = 'processing' AND v.content_hash IS NULL
       ORDER BY v.document_id FOR UPDATE OF v`,
      [first.workspaceId, documentIds, claims.map((claim) => claim.version), claims.map((claim) => claim.attempt)],
    ),
  ]);
  const open = new Set(rows.map((row) => row.document_id));
  return claims.filter((claim) => locked.includes(claim.documentId) && open.has(claim.documentId));
}
