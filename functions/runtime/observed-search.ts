import type { Database, Db, WorkspaceScope } from '../../shared/core/database.ts';
import type { FusionWeights, SearchHit, SearchRequest } from '../../shared/retrieval/search.ts';
import type { SearchReader } from '../../shared/retrieval/search-reader.ts';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import type { Measures } from './telemetry/measures.ts';

/** Times the search statement. */
export class ObservedSearch extends WorkspaceSearch {
  readonly #measures: Measures;

  constructor(database: Database, fusion: FusionWeights, measures: Measures, reader: SearchReader | null) {
    super(database, fusion, reader);
    this.#measures = measures;
  }

  override async search(
    scope: WorkspaceScope,
    request: SearchRequest,
    before?: (db: Db) => Promise<void>,
  ): Promise<readonly SearchHit[]> {
    const began = Date.now();
    const started = performance.now();
    let failed = true;
    try {
      const hits = await super.search(scope, request, before);
      failed = false;
      return hits;
    } finally {
      this.#measures.stageEnded('vector_search', began, performance.now() - started, failed);
    }
  }
}
