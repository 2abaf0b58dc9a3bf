import { createHash } from 'node:crypto';
import type pg from 'pg';

/** I6: one digest over everything of a workspace that a replay must not change, times left out. */
export async function stateOf(admin: Pick<pg.Client, 'query'>, workspaceId: string): Promise<string> {
  const hash = createHash('sha256');
  const queries = [
    'SELECT id, status, version, live_version, bytes, metadata FROM dbrag.documents WHERE workspace_id = $1 ORDER BY id',
    `SELECT document_id, version, status, attempt, chunks, tokens, embedded, reused, error FROM dbrag.document_versions
     WHERE workspace_id = $1 ORDER BY document_id, version`,
    'SELECT document_id, version, ordinal, content_hash FROM dbrag.placements WHERE workspace_id = $1 ORDER BY 1, 2, 3',
    'SELECT document_id, content_hash, token_count FROM dbrag.chunks WHERE workspace_id = $1 ORDER BY 1, 2',
    'SELECT document_id, content_hash, model, embedding::text FROM dbrag.embeddings WHERE workspace_id = $1 ORDER BY 1, 2, 3',
    'SELECT sum(embedding_tokens), count(*) FROM dbrag.usage_events WHERE workspace_id = $1',
    'SELECT action, resource_id FROM dbrag.audit_events WHERE workspace_id = $1 ORDER BY 1, 2',
  ];
  for (const query of queries) hash.update(JSON.stringify((await admin.query(query, [workspaceId])).rows));
  return hash.digest('hex');
}
