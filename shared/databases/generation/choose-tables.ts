import type { Db } from '../../core/database.ts';
import { type CatalogTable, nearestTables, readCatalogTables } from '../catalog.ts';
import { type ReadableConnection, readableConnection } from '../run-sql.ts';
import { nearestExamples, nearestTerms, type SqlExample, type SqlTerm } from '../sql-knowledge.ts';
import { wordsOf } from './show-tables.ts';

/** A question and where it stands among the tables; the vector is null while the embedding model is away. */
export interface MeantQuestion {
  readonly text: string;
  readonly vector: Float32Array | null;
  /** The space of the vector. */
  readonly model: string;
}

/** All that is known before a model is asked to write SQL. */
export interface Ground {
  readonly readable: ReadableConnection;
  /** Most wanted first. */
  readonly tables: readonly CatalogTable[];
  readonly examples: readonly SqlExample[];
  readonly terms: readonly SqlTerm[];
}

const mostNearest = 8;
const mostTables = 16;
const mostExamples = 4;
const mostTerms = 8;
/** Farther than this, an example is about something else. */
const leastLikeness = 0.2;

/**
 * Chooses what a model reads to write SQL for a question: the tables nearest to it, the neighbours that foreign keys reach from them in
 * either direction, since a join goes through tables that no question names, and what people said of the data.
 * @throws not_found for a connection that the transaction may not see
 */
export async function chooseGround(
  db: Db,
  workspaceId: string,
  connectionId: string,
  question: MeantQuestion,
): Promise<Ground> {
  const readable = await readableConnection(db, workspaceId, connectionId);
  const nearest = await nearestNames(db, workspaceId, connectionId, question, readable);
  const neighbours = await neighboursOf(db, workspaceId, connectionId, nearest);
  const names = [...new Set([...nearest, ...neighbours])].slice(0, mostTables);
  const tables = await readCatalogTables(db, workspaceId, connectionId, names);
  const { vector, model, text } = question;
  const examples = vector ? await nearestExamples(db, workspaceId, connectionId, { vector, model }, mostExamples) : [];
  const terms = vector ? await nearestTerms(db, workspaceId, connectionId, { text, vector, model }, mostTerms) : [];
  return {
    readable,
    tables: tables.toSorted((one, other) => names.indexOf(one.name) - names.indexOf(other.name)),
    examples: examples.filter(({ score }) => score >= leastLikeness),
    terms: terms.filter(({ named, score }) => named || (score ?? 0) >= leastLikeness),
  };
}

async function nearestNames(
  db: Db,
  workspaceId: string,
  connectionId: string,
  { text, vector, model }: MeantQuestion,
  { allowed }: ReadableConnection,
): Promise<readonly string[]> {
  if (vector) {
    const options = { connectionIds: [connectionId], limit: mostNearest };
    const near = await nearestTables(db, workspaceId, { vector, model }, options);
    if (near.length > 0) return near.map(({ name }) => name);
  }
  // By its words, as long as nothing has a vector.
  const words = wordsOf(text);
  const shared = allowed.tables.map((table) => ({
    table,
    share: [table.name, ...table.columns].flatMap(wordsOf).filter((word) => words.includes(word)).length,
  }));
  const best = shared.toSorted((one, other) => other.share - one.share).slice(0, mostNearest);
  const { rows } = await db.query<{ name: string }>(
    `SELECT c.name FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS w (schema, name, n)
     JOIN dbrag.catalog_tables c ON c.schema_name = w.schema AND c.table_name = w.name
     WHERE c.workspace_id = $1 AND c.connection_id = $2 ORDER BY w.n`,
    [workspaceId, connectionId, best.map(({ table }) => table.schema), best.map(({ table }) => table.name)],
  );
  return rows.map(({ name }) => name);
}

/** What the tables refer to first, then what refers to them: the more of them, the sooner. */
async function neighboursOf(
  db: Db,
  workspaceId: string,
  connectionId: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(
    `WITH keys AS (
       SELECT c.name AS source, k -> 'references' ->> 'table' AS target
       FROM dbrag.catalog_tables c CROSS JOIN LATERAL jsonb_array_elements(c.foreign_keys) AS k
       WHERE c.workspace_id = $1 AND c.connection_id = $2)
     SELECT name FROM (
       SELECT target AS name, array_position($3::text[], source) AS place, 2 AS weight FROM keys WHERE source = ANY ($3::text[])
       UNION ALL
       SELECT source, array_position($3::text[], target), 1 FROM keys WHERE target = ANY ($3::text[])) reached
     WHERE name <> ALL ($3::text[])
     GROUP BY name ORDER BY sum(weight) DESC, min(place), name LIMIT ${mostTables}`,
    [workspaceId, connectionId, names],
  );
  return rows.map(({ name }) => name);
}
