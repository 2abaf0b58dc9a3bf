import { type Database, type Db, Halfvec, type WorkspaceScope } from '../core/database.ts';
import { parseQuestionWords } from './question-words.ts';
import {
  equalWeights,
  type FusionWeights,
  fewChunks,
  legDepth,
  type SearchHit,
  type SearchRequest,
  search,
  toHit,
} from './search.ts';
import type { Asking, SearchReader } from './search-reader.ts';
import { readSearchState } from './search-state.ts';
import type { SearchRow } from './search-statement.ts';
import { warmHybridStatement, warmKeywordStatement, warmSemanticStatement } from './warm-statement.ts';

interface SearchedIndex {
  readonly efSearch: number;
  /** Whether it is on the signs of the vectors. */
  readonly ofSigns: boolean;
}

/** How a workspace is searched, null without an index; an answer holds for a while, since being wrong costs time and no hit. */
interface Known {
  readonly index: SearchedIndex | null;
  readonly until: number;
}

const knownMilliseconds = 60_000;
const mostKnown = 10_000;

/**
 * Searches workspaces, by the shortest way that each allows. Where a workspace is large enough to be searched by its partition's
 * index is learnt with its first search and kept in the process for a minute.
 */
export class WorkspaceSearch {
  readonly #database: Database;
  readonly #reader: SearchReader | null;
  /** What ranks count where a request does not say: decides about hits, and so belongs into every key that they are kept under. */
  readonly fusion: FusionWeights;
  readonly #known = new Map<string, Known>();

  /**
   * @param fusion what ranks count where a request does not say
   * @param reader asked before the database; null where there is none
   */
  constructor(database: Database, fusion: FusionWeights = equalWeights, reader: SearchReader | null = null) {
    this.#database = database;
    this.#reader = reader;
    this.fusion = fusion;
  }

  /**
   * @param before what else is to be done in the transaction of the search
   * @returns the best visible chunks, as `search` gives them
   */
  async search(
    scope: WorkspaceScope,
    request: SearchRequest,
    before?: (db: Db) => Promise<void>,
  ): Promise<readonly SearchHit[]> {
    if (!this.#reader?.isAwakeFor(request.workspaceId)) return this.#searchDatabase(scope, request, before);
    return (
      (await this.#searchReader(this.#reader, scope, request, before)) ??
      this.#searchDatabase(scope, request, undefined)
    );
  }

  /** What is to be done before is done in the database, and the state is read behind it: the search sees both or more. */
  async #searchReader(
    reader: SearchReader,
    scope: WorkspaceScope,
    request: SearchRequest,
    before: ((db: Db) => Promise<void>) | undefined,
  ): Promise<readonly SearchHit[] | undefined> {
    const { workspaceId, collectionIds = null } = request;
    const state = await this.#database.inWorkspace(scope, async (db) => {
      await before?.(db);
      if (reader.asks && !this.#isKnown(workspaceId) && isUsual(scope, request)) await this.#learn(db, request);
      return readSearchState(db, workspaceId, collectionIds);
    });
    if (!state) return undefined;
    const index = reader.asks && isUsual(scope, request) ? this.#indexOf(workspaceId) : null;
    const shortWay = index
      ? async (ask: Asking) => {
          const hits = await this.#searchWarm(ask, scope, request, index);
          return hits.length === request.limit ? hits : undefined;
        }
      : undefined;
    return reader.read(scope, collectionIds, state, {
      short: shortWay,
      long: (db) => search(db, { fusion: this.fusion, ...request }),
    });
  }

  async #searchDatabase(
    scope: WorkspaceScope,
    request: SearchRequest,
    before: ((db: Db) => Promise<void>) | undefined,
  ): Promise<readonly SearchHit[]> {
    const { ask } = this.#database;
    if (ask && before === undefined && request.mode === 'keyword' && isWhole(scope, request))
      return searchWords(ask, scope, request);
    const index = before === undefined && isUsual(scope, request) ? this.#indexOf(scope.workspaceId) : null;
    if (ask && index) {
      const hits = await this.#searchWarm(ask, scope, request, index);
      if (hits.length === request.limit) return hits;
    }
    return this.#database.inWorkspace(scope, async (db) => {
      await before?.(db);
      if (ask && !this.#isKnown(scope.workspaceId) && isUsual(scope, request)) await this.#learn(db, request);
      return search(db, { fusion: this.fusion, ...request });
    });
  }

  async #searchWarm(
    ask: Asking,
    scope: WorkspaceScope,
    request: SearchRequest,
    { efSearch, ofSigns }: SearchedIndex,
  ): Promise<readonly SearchHit[]> {
    const { workspaceId, limit, model, mode, text, fusion = this.fusion } = request;
    const vector = request.vector as Float32Array;
    const values: unknown[] = [new Halfvec(vector), request.includeText ?? true];
    const hybrid = mode === 'hybrid';
    if (hybrid) values.push(text, fusion.semantic, fusion.keyword);
    const depth = hybrid ? Math.max(legDepth, limit) : limit;
    // As many as `dbrag.nearest_candidates` takes: the recall that was measured is theirs.
    const signs = ofSigns ? { dimensions: vector.length, candidates: Math.max(2 * efSearch, 4 * depth) } : null;
    const statement = (hybrid ? warmHybridStatement : warmSemanticStatement)({
      workspaceId,
      model,
      limit,
      depth,
      signs,
    });
    const { rows } = await ask<SearchRow>(scope, statement, values, { byIndex: true, efSearch });
    return rows.map((row) => toHit(row, hybrid ? 'fused' : 'semantic'));
  }

  #isKnown(workspaceId: string): boolean {
    return (this.#known.get(workspaceId)?.until ?? 0) > Date.now();
  }

  #indexOf(workspaceId: string): SearchedIndex | null {
    return this.#isKnown(workspaceId) ? (this.#known.get(workspaceId)?.index ?? null) : null;
  }

  /** In the scope of a request that nothing narrows: a narrowed caller sees no vectors where there are some. */
  async #learn(db: Db, { workspaceId, model }: SearchRequest): Promise<void> {
    const { rows } = await db.query<{ kind: string | null; ef_search: number }>(
      `SELECT CASE WHEN dbrag.searched_by_index(s.chunks, i.rows, $3) THEN dbrag.vector_index_of(home.oid) END AS kind,
         coalesce(i.ef_search, 100) AS ef_search
       FROM dbrag.corpus_statistics s
       CROSS JOIN LATERAL (
         SELECT tableoid AS oid FROM dbrag.embeddings WHERE workspace_id = $1 ORDER BY document_id, content_hash LIMIT 1
       ) AS home
       LEFT JOIN dbrag.vector_indexes i ON i.model = $2 AND i.partition = (SELECT relname FROM pg_class WHERE oid = home.oid)
       WHERE s.workspace_id = $1`,
      [workspaceId, model, fewChunks],
    );
    if (this.#known.size >= mostKnown) this.#known.clear();
    const [found] = rows;
    const index = found?.kind ? { efSearch: found.ef_search, ofSigns: found.kind === 'hnsw_binary' } : null;
    this.#known.set(workspaceId, { index, until: Date.now() + knownMilliseconds });
  }
}

async function searchWords(
  ask: Asking,
  scope: WorkspaceScope,
  { workspaceId, text, limit, includeText }: SearchRequest,
): Promise<readonly SearchHit[]> {
  if (text === null) return [];
  const values = [workspaceId, text, limit, includeText ?? true];
  const { rows } = await ask<SearchRow>(scope, warmKeywordStatement, values, { byIndex: true });
  return rows.map((row) => toHit(row, 'keyword'));
}

/** Whole, so that the nearest of the index are the nearest of the answer. */
function isUsual(scope: WorkspaceScope, request: SearchRequest): boolean {
  const { mode, vector, text, bridge } = request;
  if (bridge || mode === 'keyword' || vector === null || (mode === 'hybrid' && text === null)) return false;
  return isWhole(scope, request);
}

/** Nothing narrows it, and no word of the question is more than a word. */
function isWhole(scope: WorkspaceScope, { mode, text, collectionIds, filter, languages }: SearchRequest): boolean {
  if ((scope.collectionIds ?? null) !== null || (collectionIds ?? null) !== null || filter || languages) return false;
  const { phrases, excluded } = parseQuestionWords(mode === 'semantic' ? '' : (text ?? ''));
  return phrases.length === 0 && excluded.length === 0;
}
