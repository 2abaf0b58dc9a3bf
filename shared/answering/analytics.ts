import type { Db } from '../core/database.ts';

export interface AnalyticsRequest {
  readonly from: Date;
  readonly to: Date;
  readonly collectionId: string | null;
}

export interface HourOfQueries {
  readonly hour: Date;
  readonly count: number;
  readonly unanswered: number;
  readonly failed: number;
  readonly known: number;
  readonly removed_marks: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly routes: Readonly<Record<string, number>>;
  readonly ratings: number;
  readonly rating: number | null;
  readonly cost_usd: number;
}

export interface UnansweredQuestion {
  readonly question: string;
  readonly count: number;
  readonly last_asked_at: Date;
}

const inRange = `workspace_id = $1 AND created_at >= $2 AND created_at < $3
  AND ($4::uuid IS NULL OR collection_ids @> ARRAY[$4::uuid] OR source_collection_ids @> ARRAY[$4::uuid])`;

/** Figures of each hour in which anything was asked, newest first: one index range of the months in question. */
export async function queriesByHour(
  db: Db,
  workspaceId: string,
  request: AnalyticsRequest,
): Promise<readonly HourOfQueries[]> {
  const { rows } = await db.query<HourOfQueries>(hourStatement, valuesOf(workspaceId, request));
  return rows;
}

export const hourStatement = `
WITH asked AS (
  SELECT date_trunc('hour', created_at, 'UTC') AS hour, route, answered, error, total_ms, rating, cost_usd, result_cache, removed_marks
  FROM dbrag.queries WHERE ${inRange}
), routes AS (
  SELECT hour, jsonb_object_agg(route, count) AS routes
  FROM (SELECT hour, route, count(*) AS count FROM asked GROUP BY hour, route) AS each GROUP BY hour
)
SELECT hour, count(*)::float8 AS count, count(*) FILTER (WHERE NOT answered AND error IS NULL)::float8 AS unanswered,
  count(*) FILTER (WHERE error IS NOT NULL)::float8 AS failed,
  count(*) FILTER (WHERE result_cache = 'hit')::float8 AS known, sum(removed_marks)::float8 AS removed_marks,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY total_ms) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY total_ms) AS p95,
  percentile_cont(0.99) WITHIN GROUP (ORDER BY total_ms) AS p99, routes,
  count(rating)::float8 AS ratings, avg(rating)::float8 AS rating, sum(cost_usd)::float8 AS cost_usd
FROM asked JOIN routes USING (hour) GROUP BY hour, routes ORDER BY hour DESC`;

/** Questions that found nothing, those that were asked most often first. */
export async function topUnanswered(
  db: Db,
  workspaceId: string,
  request: AnalyticsRequest,
): Promise<readonly UnansweredQuestion[]> {
  const { rows } = await db.query<UnansweredQuestion>(unansweredStatement, valuesOf(workspaceId, request));
  return rows;
}

export const unansweredStatement = `
SELECT min(question) AS question, count(*)::float8 AS count, max(created_at) AS last_asked_at
FROM dbrag.queries WHERE ${inRange} AND NOT answered AND error IS NULL
GROUP BY lower(btrim(question)) ORDER BY 2 DESC, 3 DESC LIMIT 20`;

function valuesOf(workspaceId: string, { from, to, collectionId }: AnalyticsRequest): unknown[] {
  return [workspaceId, from, to, collectionId];
}
