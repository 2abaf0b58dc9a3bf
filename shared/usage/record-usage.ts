import type { Db } from '../core/database.ts';
import { costUsd, type ModelPrice, prices } from './prices.ts';

/** What was bought by one operation. Ids are UUIDs. */
export interface UsageEvent {
  readonly operation: 'ingest' | 'search' | 'query' | 'generate_sql' | 'describe_table' | 'batch_embed';
  readonly model: string;
  readonly apiKeyId?: string | null;
  readonly subjectId?: string | null;
  readonly collectionId?: string | null;
  readonly documentId?: string | null;
  readonly version?: number | null;
  /** Calls that were made for it; 0 where the call is accounted for elsewhere. */
  readonly requests?: number;
  readonly embeddingTokens?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
}

/** Records usage in the transaction that stores what was bought: stored once, metered once. One statement for all events. */
export async function recordUsage(
  db: Db,
  workspaceId: string,
  events: readonly UsageEvent[],
  table: readonly ModelPrice[] = prices,
): Promise<void> {
  if (events.length === 0) return;
  const column = <T>(of: (event: UsageEvent) => T): T[] => events.map(of);
  await db.query(
    `INSERT INTO dbrag.usage_events (workspace_id, operation, model, api_key_id, subject_id, collection_id, document_id, version,
       requests, embedding_tokens, prompt_tokens, completion_tokens, cost_usd)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::int[],
       $9::int[], $10::bigint[], $11::bigint[], $12::bigint[], $13::numeric[])`,
    [
      workspaceId,
      column((event) => event.operation),
      column((event) => event.model),
      column((event) => event.apiKeyId ?? null),
      column((event) => event.subjectId ?? null),
      column((event) => event.collectionId ?? null),
      column((event) => event.documentId ?? null),
      column((event) => event.version ?? null),
      column((event) => event.requests ?? 0),
      column((event) => event.embeddingTokens ?? 0),
      column((event) => event.promptTokens ?? 0),
      column((event) => event.completionTokens ?? 0),
      column((event) => costOf(event, table).toFixed(12)),
    ],
  );
}

function costOf(event: UsageEvent, table: readonly ModelPrice[]): number {
  const input = (event.embeddingTokens ?? 0) + (event.promptTokens ?? 0);
  return costUsd(event.model, { input, output: event.completionTokens ?? 0 }, table);
}
