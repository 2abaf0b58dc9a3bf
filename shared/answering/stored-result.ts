import { publicId } from '../core/ids.ts';
import type { AnsweredStep } from './answered-query.ts';
import type { QueryResult } from './query-result.ts';
import type { Reading } from './route-question.ts';

/** A query to a database and its result, as returned and stored. */
export interface StoredResult {
  readonly connection_id: string;
  readonly statement: string;
  readonly columns: readonly string[];
  readonly rows: QueryResult['rows'];
  readonly row_count: number;
  readonly truncated: boolean;
  readonly tables: readonly string[];
  readonly assumptions: readonly string[];
  readonly executed_at: string;
}

/** A part of a question, as returned and stored. */
export interface StoredStep {
  readonly question: string;
  readonly route: Reading;
  readonly answer: string | null;
  /** Left out in history that is older than it. */
  readonly sql?: StoredResult | null;
}

/** Of all results of a question together, as JSON. */
const longestKeptRows = 50_000;

export function resultOf(result: QueryResult): StoredResult {
  return {
    connection_id: publicId('connection', result.connectionId),
    statement: result.statement,
    columns: result.columns,
    rows: result.rows,
    row_count: result.rows.length,
    truncated: result.truncated,
    tables: result.tables,
    assumptions: result.assumptions,
    executed_at: result.executedAt.toISOString(),
  };
}

export function stepOf({ question, route, answer, result }: AnsweredStep): StoredStep {
  return { question, route, answer, sql: result ? resultOf(result) : null };
}

/** History is for reading: of rows that are long, as many as fit. */
export function keptResult(result: QueryResult, longest = longestKeptRows): StoredResult {
  const told = resultOf(result);
  let length = 0;
  const rows = told.rows.filter((row) => {
    length += JSON.stringify(row).length;
    return length <= longest;
  });
  return { ...told, rows, truncated: told.truncated || rows.length < told.rows.length };
}

/** The results of several parts share the space of one. */
export function keptSteps(steps: readonly AnsweredStep[]): readonly StoredStep[] {
  const longest = longestKeptRows / Math.max(1, steps.filter(({ result }) => result).length);
  return steps.map((step) => ({ ...stepOf(step), sql: step.result ? keptResult(step.result, longest) : null }));
}
