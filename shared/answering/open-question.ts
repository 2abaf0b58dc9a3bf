import { subjectIdOf } from '../access/subjects.ts';
import type { Db } from '../core/database.ts';
import { requireCollections } from '../ingestion/collections.ts';
import { generationExpression } from '../retrieval/result-cache.ts';

export interface QuestionGround {
  /** Null where nobody was named. */
  readonly subjectId: string | null;
  /** What the workspace chose; null: the stage's. */
  readonly chatModel: string | null;
  /** The generations of all that may be searched: no two states that could answer differently have the same. */
  readonly state: string;
  /** Of tokens that the answer may take, to be released with it; null: nothing limits them. */
  readonly reservation?: string | null;
}

/**
 * What must be known before a question is answered, in one snapshot that is older than any hit: an answer kept under this state was
 * read from it or from a newer one, and is never served once a change has been committed.
 * @throws not_found for a collection that the caller cannot see
 */
export async function openQuestion(
  db: Db,
  workspaceId: string,
  { collectionIds, subject }: { readonly collectionIds: readonly string[] | null; readonly subject: string | null },
): Promise<QuestionGround> {
  if (collectionIds) await requireCollections(db, workspaceId, collectionIds);
  const { rows } = await db.query<Pick<QuestionGround, 'chatModel' | 'state'>>(
    `SELECT w.settings ->> 'chat_model' AS "chatModel", ${generationExpression} AS state
     FROM dbrag.workspaces w WHERE w.id = $1::uuid`,
    [workspaceId],
  );
  const subjectId = subject === null ? null : await subjectIdOf(db, workspaceId, subject);
  return { subjectId, chatModel: rows[0]?.chatModel ?? null, state: rows[0]?.state ?? '' };
}
