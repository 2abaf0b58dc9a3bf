import { Conditions } from '../core/conditions.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { timeOfUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { QueryTiming } from './answered-query.ts';
import type { StoredResult, StoredStep } from './stored-result.ts';

/** A question as the history stores it. JSON columns contain what was returned, with public ids. */
export interface KeptQuery {
  readonly id: string;
  readonly created_at: Date;
  readonly conversation_id: string | null;
  readonly question: string;
  readonly reasoning: 'direct' | 'decompose';
  readonly route: string;
  readonly answer: string | null;
  readonly citations: readonly unknown[];
  readonly sources: readonly unknown[];
  readonly steps: readonly StoredStep[];
  readonly sql: StoredResult | null;
  readonly model: string;
  readonly provider: string;
  readonly degraded: readonly string[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly embedding_tokens: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
  readonly embedding_cache: string;
  readonly result_cache: string;
  readonly removed_marks: number;
  readonly unverified_numbers: number;
  readonly subject: string | null;
  readonly timing: QueryTiming;
  readonly rating: number | null;
  readonly comment: string | null;
  readonly rated_at: Date | null;
}

export interface QueryFilter {
  readonly route?: string | undefined;
  readonly answered?: boolean | undefined;
  readonly rated?: boolean | undefined;
  readonly conversationId?: string | undefined;
  /** As a caller named it. */
  readonly subject?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const columns = `id, created_at, conversation_id, question, reasoning, route, answer, citations, sources, steps, sql, model, provider,
  degraded, error, embedding_tokens::float8, prompt_tokens::float8, completion_tokens::float8, cost_usd::float8, embedding_cache,
  result_cache, removed_marks, unverified_numbers, timing, rating, comment, rated_at,
  (SELECT external_id FROM dbrag.subjects s WHERE s.workspace_id = queries.workspace_id AND s.id = queries.subject_id) AS subject`;

/** Newest first. */
export async function listQueries(
  db: Db,
  workspaceId: string,
  filter: QueryFilter,
  page: PageRequest,
): Promise<Page<KeptQuery>> {
  const { text, values } = listStatement(workspaceId, filter, page);
  const { rows } = await db.query<KeptQuery>(text, values);
  return pageOf(rows, page.limit);
}

/** The statement of a list, for those who look at its plan. */
export function listStatement(workspaceId: string, filter: QueryFilter, { limit, after }: PageRequest) {
  const conditions = new Conditions([workspaceId, limit + 1], 'workspace_id = $1');
  conditions.where((place) => `route = ${place}`, filter.route);
  if (filter.answered !== undefined) conditions.also(filter.answered ? 'answered' : 'NOT answered');
  if (filter.rated !== undefined) conditions.also(`rating IS ${filter.rated ? 'NOT ' : ''}NULL`);
  conditions.where((place) => `conversation_id = ${place}`, filter.conversationId);
  conditions.where(
    (place) => `subject_id = (SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND external_id = ${place})`,
    filter.subject,
  );
  conditions.where((place) => `created_at >= ${place}`, filter.from);
  conditions.where((place) => `created_at < ${place}`, filter.to);
  conditions.olderThan('created_at', after);
  return {
    text: `SELECT ${columns} FROM dbrag.queries WHERE ${conditions} ORDER BY created_at DESC, id DESC LIMIT $2`,
    values: conditions.values,
  };
}

/** @throws not_found */
export async function getQuery(db: Db, workspaceId: string, id: string): Promise<KeptQuery> {
  const { rows } = await db.query<KeptQuery>(
    `SELECT ${columns} FROM dbrag.queries WHERE workspace_id = $1 AND created_at = $2 AND id = $3`,
    [workspaceId, timeOfUuid(id), id],
  );
  if (!rows[0]) throw notFound('query');
  return rows[0];
}

export interface KeptTrace {
  readonly trace: Readonly<Record<string, unknown>>;
  readonly timing: QueryTiming;
}

/** @throws not_found */
export async function getTrace(db: Db, workspaceId: string, id: string): Promise<KeptTrace> {
  const { rows } = await db.query<KeptTrace>(
    'SELECT trace, timing FROM dbrag.queries WHERE workspace_id = $1 AND created_at = $2 AND id = $3',
    [workspaceId, timeOfUuid(id), id],
  );
  if (!rows[0]) throw notFound('query');
  return rows[0];
}

/** Stores a reader's rating; the latest one counts. @throws not_found */
export async function rateQuery(
  db: Db,
  workspaceId: string,
  id: string,
  feedback: { readonly rating: number; readonly comment: string | null },
): Promise<KeptQuery> {
  const { rows } = await db.query<KeptQuery>(
    `UPDATE dbrag.queries SET rating = $4, comment = $5, rated_at = now()
     WHERE workspace_id = $1 AND created_at = $2 AND id = $3 RETURNING ${columns}`,
    [workspaceId, timeOfUuid(id), id, feedback.rating, feedback.comment],
  );
  if (!rows[0]) throw notFound('query');
  return rows[0];
}
