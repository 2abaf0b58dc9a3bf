import { type Db, Halfvec } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { Refusal } from './refused-texts.ts';

/** A question and the SQL that a person says answers it. */
export interface SqlExample {
  /** UUID. */
  readonly id: string;
  readonly question: string;
  readonly sql: string;
  /** Why no question finds it. */
  readonly refusal: Refusal | null;
  readonly created_at: Date;
}

/** A business word and the SQL that it means. */
export interface SqlTerm {
  readonly id: string;
  readonly term: string;
  readonly sql: string;
  readonly description: string | null;
  /** Why only questions that name it find it. */
  readonly refusal: Refusal | null;
  readonly created_at: Date;
}

/** A vector and the space that it is in; null where the model could not be asked. */
export type Meaning = { readonly vector: Float32Array; readonly model: string } | null;

const exampleColumns = 'id, question, sql, refusal, created_at';
const termColumns = 'id, term, sql, description, refusal, created_at';
const vectorOf = (meaning: Meaning) => meaning && new Halfvec(meaning.vector);

export async function insertExample(
  db: Db,
  workspaceId: string,
  connectionId: string,
  example: { readonly question: string; readonly sql: string; readonly createdBy: string },
  meaning: Meaning,
): Promise<SqlExample> {
  const { rows } = await db.query<SqlExample>(
    `INSERT INTO dbrag.sql_examples (workspace_id, connection_id, id, question, sql, embedding, embedding_model, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${exampleColumns}`,
    [
      workspaceId,
      connectionId,
      newUuid(),
      example.question,
      example.sql,
      vectorOf(meaning),
      meaning?.model ?? null,
      example.createdBy,
    ],
  );
  return rows[0] as SqlExample;
}

export async function insertTerm(
  db: Db,
  workspaceId: string,
  connectionId: string,
  term: {
    readonly term: string;
    readonly sql: string;
    readonly description: string | null;
    readonly createdBy: string;
  },
  meaning: Meaning,
): Promise<SqlTerm> {
  const { rows } = await db.query<SqlTerm>(
    `INSERT INTO dbrag.sql_terms (workspace_id, connection_id, id, term, sql, description, embedding, embedding_model, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${termColumns}`,
    [
      workspaceId,
      connectionId,
      newUuid(),
      term.term,
      term.sql,
      term.description,
      vectorOf(meaning),
      meaning?.model ?? null,
      term.createdBy,
    ],
  );
  return rows[0] as SqlTerm;
}

export const listExamples = (db: Db, workspaceId: string, connectionId: string, page: PageRequest) =>
  listOf<SqlExample>(db, 'sql_examples', exampleColumns, [workspaceId, connectionId], page);

export const listTerms = (db: Db, workspaceId: string, connectionId: string, page: PageRequest) =>
  listOf<SqlTerm>(db, 'sql_terms', termColumns, [workspaceId, connectionId], page);

async function listOf<Item extends { id: string }>(
  db: Db,
  table: 'sql_examples' | 'sql_terms',
  columns: string,
  owner: readonly [string, string],
  { limit, after }: PageRequest,
): Promise<Page<Item>> {
  const place = `AND (created_at, id) < (SELECT a.created_at, a.id FROM dbrag.${table} a WHERE a.workspace_id = $1 AND a.connection_id = $2 AND a.id = $4)`;
  const { rows } = await db.query<Item>(
    `SELECT ${columns} FROM dbrag.${table} WHERE workspace_id = $1 AND connection_id = $2 ${after === undefined ? '' : place}
     ORDER BY created_at DESC, id DESC LIMIT $3 + 1`,
    after === undefined ? [...owner, limit] : [...owner, limit, after],
  );
  return pageOf(rows, limit);
}

/** @throws not_found */
export async function deleteKnowledge(
  db: Db,
  workspaceId: string,
  connectionId: string,
  kind: 'example' | 'term',
  id: string,
): Promise<void> {
  const { count } = await db.query(
    `DELETE FROM dbrag.sql_${kind}s WHERE workspace_id = $1 AND connection_id = $2 AND id = $3`,
    [workspaceId, connectionId, id],
  );
  if (count === 0) throw notFound(kind);
}

/** Examples whose questions are nearest to a question, nearest first. */
export async function nearestExamples(
  db: Db,
  workspaceId: string,
  connectionId: string,
  { vector, model }: { readonly vector: Float32Array; readonly model: string },
  limit: number,
): Promise<readonly (SqlExample & { readonly score: number })[]> {
  const { rows } = await db.query<SqlExample & { score: number }>(
    `SELECT ${exampleColumns}, 1 - (embedding <=> $4) AS score FROM dbrag.sql_examples
     WHERE workspace_id = $1 AND connection_id = $2 AND embedding_model = $3 ORDER BY embedding <=> $4, id LIMIT $5`,
    [workspaceId, connectionId, model, new Halfvec(vector), limit],
  );
  return rows;
}

/** Terms that a question names, then those that are nearest to it. */
export async function nearestTerms(
  db: Db,
  workspaceId: string,
  connectionId: string,
  question: { readonly text: string; readonly vector: Float32Array; readonly model: string },
  limit: number,
): Promise<readonly (SqlTerm & { readonly named: boolean; readonly score: number | null })[]> {
  const { rows } = await db.query<SqlTerm & { named: boolean; score: number | null }>(
    `SELECT ${termColumns}, strpos(lower($6), lower(term)) > 0 AS named,
       CASE WHEN embedding_model = $3 THEN 1 - (embedding <=> $4) END AS score
     FROM dbrag.sql_terms WHERE workspace_id = $1 AND connection_id = $2
     ORDER BY named DESC, score DESC NULLS LAST, id LIMIT $5`,
    [workspaceId, connectionId, question.model, new Halfvec(question.vector), limit, question.text],
  );
  return rows;
}
