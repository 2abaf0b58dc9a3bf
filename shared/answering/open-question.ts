import { subjectIdOf } from '../access/subjects.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { requireCollections } from '../ingestion/collections.ts';
import { generationExpression } from '../retrieval/result-cache.ts';
import type { AskableConnection } from './database-leg.ts';

/** What a caller named. */
interface Named {
  /** UUIDs; null: all. */
  readonly collectionIds: readonly string[] | null;
  readonly connectionIds: readonly string[] | null;
  readonly subject: string | null;
}

export interface QuestionGround {
  /** Null where nobody was named. */
  readonly subjectId: string | null;
  /** What the workspace chose; null: the stage's. */
  readonly chatModel: string | null;
  /** The generations of all that may be searched: no two states that could answer differently have the same. */
  readonly state: string;
  /** Of tokens that the answer may take, to be released with it; null: nothing limits them. */
  readonly reservation?: string | null;
  /** Databases that the question may be asked of. */
  readonly connections: readonly AskableConnection[];
}

/**
 * What must be known before a question is answered, in one snapshot that is older than any hit: an answer kept under this state was
 * read from it or from a newer one, and is never served once a change has been committed.
 * @throws not_found for a collection or a connection that the caller cannot see
 */
export async function openQuestion(
  db: Db,
  workspaceId: string,
  { collectionIds, connectionIds, subject }: Named,
): Promise<QuestionGround> {
  if (collectionIds) await requireCollections(db, workspaceId, collectionIds);
  const { rows } = await db.query<Pick<QuestionGround, 'chatModel' | 'state' | 'connections'>>(
    `SELECT w.settings ->> 'chat_model' AS "chatModel", ${generationExpression} AS state,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name, 'generation', c.generation) ORDER BY c.created_at, c.id), '[]')
        FROM dbrag.connections c WHERE c.workspace_id = w.id AND ($2::uuid[] IS NULL OR c.id = ANY ($2::uuid[]))) AS connections
     FROM dbrag.workspaces w WHERE w.id = $1::uuid`,
    [workspaceId, connectionIds],
  );
  const connections = rows[0]?.connections ?? [];
  if (connectionIds?.some((asked) => !connections.some(({ id }) => id === asked))) throw notFound('connection');
  const subjectId = subject === null ? null : await subjectIdOf(db, workspaceId, subject);
  return { subjectId, chatModel: rows[0]?.chatModel ?? null, state: rows[0]?.state ?? '', connections };
}
