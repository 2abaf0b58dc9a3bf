import type { Db } from '../core/database.ts';
import { type QuotaResource, type Quotas, quotaResources, resetOf } from './quotas.ts';
import { readStored } from './stored-amounts.ts';
import { chatTokensToday, embeddingTokensToday } from './token-quota.ts';

export interface QuotaState {
  readonly resource: QuotaResource;
  /** Of `documents`: in the fullest collection. */
  readonly used: number;
  /** Null: no limit. */
  readonly limit: number | null;
  /** Null: it does not become whole by itself. */
  readonly resetsAt: Date | null;
}

/** What a workspace uses of each quota, in one snapshot a resource. */
export async function readQuotaState(db: Db, workspaceId: string, limits: Quotas, now: Date): Promise<QuotaState[]> {
  const stored = await readStored(db, workspaceId);
  const { rows } = await db.query<{ collections: number; connections: number }>(
    `SELECT (SELECT count(*)::int FROM dbrag.collections WHERE workspace_id = $1 AND status = 'active') AS collections,
            (SELECT count(*)::int FROM dbrag.connections WHERE workspace_id = $1) AS connections`,
    [workspaceId],
  );
  const used: Readonly<Record<QuotaResource, number>> = {
    collections: rows[0]?.collections ?? 0,
    documents: Math.max(0, ...[...stored.byCollection.values()].map(({ documents }) => documents)),
    stored_bytes: stored.bytes,
    chunks: stored.chunks,
    connections: rows[0]?.connections ?? 0,
    chat_tokens: await chatTokensToday(db),
    embedding_tokens: await embeddingTokensToday(db),
  };
  return quotaResources.map((resource) => ({
    resource,
    used: used[resource],
    limit: limits[resource] ?? null,
    resetsAt: resetOf(resource, now),
  }));
}
