import type { Db } from '../core/database.ts';
import type { DbragError } from '../core/errors.ts';
import { quotaExceeded, type WorkspaceQuotas } from '../limits/quotas.ts';
import { holdStored, type StoredState } from '../limits/stored-amounts.ts';
import { embeddingTokensToday } from '../limits/token-quota.ts';
import type { NewDocument } from './accepted-document.ts';

/**
 * What concurrent requests could add before they see each other's rows: 200 requests of 1,000 documents, and as many files of 100 MB.
 * Closer to a limit than this, they take turns.
 */
const documentsAtOnce = 200_000;
const bytesAtOnce = 20_000_000_000;

interface KnownSource {
  readonly n: number;
  readonly bytes: number;
  readonly counts: boolean;
}

/**
 * Finds the new documents that exceed a workspace's quotas, by their position in the list. The others may be written in this transaction
 * only, which reserves the room for them until it ends.
 */
export async function refuseBeyondQuotas(
  db: Db,
  workspaceId: string,
  documents: readonly NewDocument[],
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<ReadonlyMap<number, DbragError>> {
  const spent = await refuseForTokens(db, documents, quotas, now);
  if (spent) return spent;
  const most = quotas.limits.documents ?? Number.POSITIVE_INFINITY;
  const mostBytes = quotas.limits.stored_bytes ?? Number.POSITIVE_INFINITY;
  const refused = new Map<number, DbragError>();
  if (most === Number.POSITIVE_INFINITY && mostBytes === Number.POSITIVE_INFINITY) return refused;
  const inCollection = (state: StoredState, id: string) => state.byCollection.get(id)?.documents ?? 0;
  const state = await holdStored(db, workspaceId, 'documents', (held) => {
    const fullest = Math.max(...documents.map(({ collectionId }) => inCollection(held, collectionId)));
    return fullest + documentsAtOnce > most || held.bytes + bytesAtOnce > mostBytes;
  });
  const known = await knownSources(db, workspaceId, documents);
  const counts = new Map<string, number>();
  const seen = new Set<string>();
  let { bytes } = state;
  for (const [n, { collectionId, sourceUri, bytes: size }] of documents.entries()) {
    const used = counts.get(collectionId) ?? inCollection(state, collectionId);
    const source = `${collectionId} ${sourceUri}`;
    const isNew = sourceUri === null || (!known.get(n)?.counts && !seen.has(source));
    const grows = (size ?? 0) - (isNew ? 0 : (known.get(n)?.bytes ?? 0));
    if (isNew && used >= most) refused.set(n, quotaExceeded('documents', { used, limit: most, wanted: 1, now }));
    else if (grows > 0 && bytes + grows > mostBytes)
      refused.set(n, quotaExceeded('stored_bytes', { used: bytes, limit: mostBytes, wanted: grows, now }));
    else {
      if (sourceUri !== null) seen.add(source);
      counts.set(collectionId, used + (isNew ? 1 : 0));
      bytes += grows;
    }
  }
  for (const used of counts.values()) quotas.noticed('documents', used);
  quotas.noticed('stored_bytes', bytes);
  return refused;
}

/** Whatever is ingested must be embedded, so nothing is accepted once the day's tokens are used up. */
async function refuseForTokens(
  db: Db,
  documents: readonly NewDocument[],
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<ReadonlyMap<number, DbragError> | undefined> {
  const limit = quotas.limits.embedding_tokens ?? null;
  if (limit === null) return undefined;
  const used = await embeddingTokensToday(db);
  quotas.noticed('embedding_tokens', used);
  if (used < limit) return undefined;
  const refusal = quotaExceeded('embedding_tokens', { used, limit, wanted: 1, now });
  return new Map(documents.map((_, n) => [n, refusal]));
}

/** Documents that get another version, by their position in the list. */
async function knownSources(
  db: Db,
  workspaceId: string,
  documents: readonly NewDocument[],
): Promise<ReadonlyMap<number, KnownSource>> {
  const named = [...documents.entries()].filter(([, { sourceUri }]) => sourceUri !== null);
  if (named.length === 0) return new Map();
  const { rows } = await db.query<KnownSource>(
    `SELECT s.n, coalesce(d.bytes, 0)::float8 AS bytes,
            d.status <> 'deleting' AND (d.live_version IS NOT NULL OR d.status NOT IN ('failed', 'cancelled')) AS counts
     FROM unnest($2::int[], $3::uuid[], $4::text[]) AS s (n, collection_id, source_uri)
     JOIN dbrag.documents d ON d.workspace_id = $1 AND d.collection_id = s.collection_id AND d.source_uri = s.source_uri`,
    [
      workspaceId,
      named.map(([n]) => n),
      named.map(([, { collectionId }]) => collectionId),
      named.map(([, { sourceUri }]) => sourceUri),
    ],
  );
  return new Map(rows.map((row) => [row.n, row]));
}
