import type { Db } from '../core/database.ts';

export const usageGroups = ['day', 'model', 'operation', 'api_key', 'subject', 'collection'] as const;
export type UsageGroup = (typeof usageGroups)[number];

export interface UsageSum {
  /** Day (ISO 8601), model, operation, or UUID; null for what has none. */
  readonly key: string | null;
  readonly requests: number;
  readonly embedding_tokens: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
}

/** What stands in the group's place; `day` is one in UTC. */
const columns: Readonly<Record<UsageGroup, string>> = {
  day: `to_char(day, 'YYYY-MM-DD')`,
  model: 'model',
  operation: 'operation',
  api_key: 'api_key_id::text',
  subject: 'subject_id::text',
  collection: 'collection_id::text',
};

const sums = `sum(requests)::float8 AS requests, sum(embedding_tokens)::float8 AS embedding_tokens, sum(prompt_tokens)::float8 AS prompt_tokens,
  sum(completion_tokens)::float8 AS completion_tokens, sum(cost_usd)::float8 AS cost_usd`;

export interface UsageRequest {
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly groupBy: UsageGroup;
}

/**
 * What was spent from one moment to another, in groups, largest cost first; days in their order. Days that are over are read from their
 * roll-up where there is one, everything else from the events themselves: what was stored a moment ago counts. A narrowed transaction
 * sees what belongs to its collections.
 */
export async function readUsage(
  db: Db,
  workspaceId: string,
  { from, to, groupBy }: UsageRequest,
): Promise<readonly UsageSum[]> {
  const { rows } = await db.query<UsageSum>(
    `WITH whole AS (
       SELECT DISTINCT day FROM dbrag.usage_daily
       WHERE workspace_id = $1 AND day::timestamp AT TIME ZONE 'UTC' >= $2::timestamptz
         AND (day + 1)::timestamp AT TIME ZONE 'UTC' <= $3::timestamptz
     ), event AS (
       SELECT (at AT TIME ZONE 'UTC')::date AS day, model, operation, api_key_id, subject_id, collection_id, requests, embedding_tokens,
              prompt_tokens, completion_tokens, cost_usd
       FROM dbrag.usage_events
       WHERE workspace_id = $1 AND at >= $2 AND at < $3 AND (at AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM whole)
       UNION ALL
       SELECT day, model, operation, api_key_id, subject_id, collection_id, requests, embedding_tokens, prompt_tokens, completion_tokens,
              cost_usd
       FROM dbrag.usage_daily WHERE workspace_id = $1 AND day IN (SELECT day FROM whole)
     )
     SELECT ${columns[groupBy]} AS key, ${sums} FROM event GROUP BY 1
     ORDER BY ${groupBy === 'day' ? 'key' : 'cost_usd DESC, key'}`,
    [workspaceId, from, to],
  );
  return rows;
}

/**
 * Rolls the days that are over up, each once: the events of a day that has ended are all there a while later. Reading a year is then
 * reading a few rows a day.
 */
export async function rollUpUsage(db: Db, workspaceId: string): Promise<void> {
  await db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`usage of ${workspaceId}`]);
  await db.query(
    `INSERT INTO dbrag.usage_daily (workspace_id, day, operation, model, api_key_id, subject_id, collection_id, requests, embedding_tokens,
       prompt_tokens, completion_tokens, cost_usd)
     SELECT $1, (at AT TIME ZONE 'UTC')::date, operation, model, api_key_id, subject_id, collection_id, sum(requests), sum(embedding_tokens),
       sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)
     FROM dbrag.usage_events
     WHERE workspace_id = $1 AND at < date_trunc('day', now() - interval '1 hour', 'UTC')
       AND at >= coalesce((SELECT (max(day) + 1)::timestamp AT TIME ZONE 'UTC' FROM dbrag.usage_daily WHERE workspace_id = $1), '-infinity')
     GROUP BY 2, 3, 4, 5, 6, 7
     ON CONFLICT DO NOTHING`,
    [workspaceId],
  );
}
