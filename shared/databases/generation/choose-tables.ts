import type { Database, Db, WorkspaceScope } from '../../core/database.ts';
import { type CatalogTable, nearestTables, readCatalogTables } from '../catalog.ts';
import type { CatalogCache } from '../catalog-cache.ts';
import type { OutlinedTable } from '../catalog-outline.ts';
import type { ReadableConnection } from '../readable-connection.ts';
import { nearestExamples, nearestTerms, type SqlExample, type SqlTerm } from '../sql-knowledge.ts';
import { wordsOf } from './show-tables.ts';

/** A question and its vector, which is null while the embedding model is unavailable. */
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
 * either direction, since a join goes through tables that no question names, and what people wrote about the data.
 * @throws not_found for a connection that the scope may not see
 */
export async function chooseGround(
  database: Database,
  catalog: CatalogCache,
  scope: WorkspaceScope,
  connectionId: string,
  question: MeantQuestion,
): Promise<Ground> {
  const readable = await catalog.readable(database, scope, connectionId);
  const known = await database.inWorkspace(scope, (db) =>
    readGround(db, scope.workspaceId, connectionId, question, readable.allowed.tables),
  );
  return { readable, ...known };
}

async function readGround(
  db: Db,
  workspaceId: string,
  connectionId: string,
  question: MeantQuestion,
  outline: readonly OutlinedTable[],
): Promise<Omit<Ground, 'readable'>> {
  const nearest = await nearestNames(db, workspaceId, connectionId, question, outline);
  const names = [...new Set([...nearest, ...neighboursOf(outline, nearest)])].slice(0, mostTables);
  const tables = await readCatalogTables(db, workspaceId, connectionId, names);
  const { vector, model, text } = question;
  const examples = vector ? await nearestExamples(db, workspaceId, connectionId, { vector, model }, mostExamples) : [];
  const terms = vector ? await nearestTerms(db, workspaceId, connectionId, { text, vector, model }, mostTerms) : [];
  return {
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
  outline: readonly OutlinedTable[],
): Promise<readonly string[]> {
  if (vector) {
    const options = { connectionIds: [connectionId], limit: mostNearest };
    const near = await nearestTables(db, workspaceId, { vector, model }, options);
    if (near.length > 0) return near.map(({ name }) => name);
  }
  // By its words, as long as nothing has a vector.
  const words = wordsOf(text);
  const shared = outline.map((table) => ({
    table,
    share: [table.name, ...table.columns].flatMap(wordsOf).filter((word) => words.includes(word)).length,
  }));
  const best = shared.toSorted((one, other) => other.share - one.share).slice(0, mostNearest);
  return best.map(({ table }) => table.entry);
}

/** First the tables that these reference, then those that reference them, ordered by how many do. */
function neighboursOf(tables: readonly OutlinedTable[], names: readonly string[]): readonly string[] {
  const places = new Map(names.map((name, place) => [name, place]));
  const reached = new Map(tables.map(({ entry }) => [entry, { name: entry, weight: 0, place: names.length }]));
  const reach = (name: string, weight: number, place: number | undefined) => {
    const found = reached.get(name);
    if (!found || place === undefined || places.has(name)) return;
    found.weight += weight;
    found.place = Math.min(found.place, place);
  };
  for (const { entry, references } of tables)
    for (const target of references) {
      reach(target, 2, places.get(entry));
      reach(entry, 1, places.get(target));
    }
  return [...reached.values()]
    .filter(({ weight }) => weight > 0)
    .toSorted((one, other) => other.weight - one.weight || one.place - other.place || (one.name < other.name ? -1 : 1))
    .slice(0, mostTables)
    .map(({ name }) => name);
}
