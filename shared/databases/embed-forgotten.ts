import type { Db } from '../core/database.ts';
import type { ModelError } from '../models/model-error.ts';
import { type EmbedPorts, embedAndKeep } from './embed-and-keep.ts';
import { type CatalogText, textOf } from './embed-catalog.ts';
import type { Refusal } from './refused-texts.ts';
import { sizedText, type TextTable, type WaitingText } from './text-rows.ts';

/** Texts that are read at once. */
const pageSize = 500;
/** Of one call of the model. */
const embedMilliseconds = 30_000;
/** Before all ids. */
const firstUuid = '00000000-0000-0000-0000-000000000000';

export interface EmbeddedForgotten {
  /** How many texts have a vector now. */
  readonly embedded: number;
  /**
   * Why the model is to be left alone: for the rest of the night, or for a while where the error is retryable. `texts`: how many that is known
   * to hold up.
   */
  readonly failure: { readonly error: ModelError; readonly texts: number } | null;
}

/** Texts of a table that have no vector in the space of a model, by connection and key, behind the place of another. */
type ReadPage = (
  db: Db,
  workspaceId: string,
  model: string,
  after: Pick<WaitingText, 'connectionId' | 'key'> | undefined,
) => Promise<readonly WaitingText[]>;

const pages: Readonly<Record<TextTable, ReadPage>> = {
  sql_examples: readKnowledge('sql_examples', 'question'),
  sql_terms: readKnowledge('sql_terms', `term || coalesce(': ' || description, '')`),
  catalog_tables: readTables,
};

/**
 * The nightly step: embeds what could not be embedded when it was written, and what is in the space of an earlier model, page behind
 * page. A text that the model refuses is remembered, asked again rarely, and holds up no other.
 */
export async function embedForgotten(
  ports: EmbedPorts,
  workspaceId: string,
  hasTime: () => boolean,
): Promise<EmbeddedForgotten> {
  const { database, embedder, now } = ports;
  const optionsOfCall = () => (hasTime() ? { deadline: now() + embedMilliseconds, priority: 'low' as const } : null);
  let embedded = 0;
  for (const [table, readPage] of Object.entries(pages) as [TextTable, ReadPage][])
    for (let after: WaitingText | undefined; hasTime(); ) {
      const page = await database.inWorkspace({ workspaceId }, (db) =>
        readPage(db, workspaceId, embedder.model, after),
      );
      const { embedded: more, failure, left } = await embedAndKeep(ports, workspaceId, table, page, optionsOfCall);
      embedded += more;
      if (failure) return { embedded, failure: { error: failure, texts: left } };
      if (page.length < pageSize) break;
      after = page.at(-1);
    }
  return { embedded, failure: null };
}

/** @param text SQL of what is embedded */
function readKnowledge(table: 'sql_examples' | 'sql_terms', text: string): ReadPage {
  return async (db, workspaceId, model, { connectionId, key } = { connectionId: firstUuid, key: firstUuid }) => {
    const { rows } = await db.query<{ connection_id: string; id: string; text: string; refusal: Refusal | null }>(
      `SELECT connection_id, id, ${text} AS text, refusal FROM dbrag.${table}
       WHERE workspace_id = $1 AND embedding_model IS DISTINCT FROM $2 AND (connection_id, id) > ($3, $4)
       ORDER BY connection_id, id LIMIT ${pageSize}`,
      [workspaceId, model, connectionId, key],
    );
    return rows.map((row) => ({
      connectionId: row.connection_id,
      key: row.id,
      refusal: row.refusal,
      ...sizedText(row.text),
    }));
  };
}

async function readTables(
  db: Db,
  workspaceId: string,
  model: string,
  { connectionId, key }: Pick<WaitingText, 'connectionId' | 'key'> = { connectionId: firstUuid, key: '' },
): Promise<readonly WaitingText[]> {
  const { rows } = await db.query<CatalogText & { readonly connection_id: string }>(
    `SELECT connection_id, name, description, columns, foreign_keys, refusal FROM dbrag.catalog_tables
     WHERE workspace_id = $1 AND status = 'described' AND (embedding_model IS DISTINCT FROM $2 OR embedded_hash IS NULL)
       AND (connection_id, name) > ($3, $4) ORDER BY connection_id, name LIMIT ${pageSize}`,
    [workspaceId, model, connectionId, key],
  );
  return rows.map((row) => textOf(row.connection_id, row));
}
