import type { SearchHit } from '../../../shared/retrieval/search.ts';

/** A hit of the search, as much of it as a test cares for. */
export function hitOf(given: Partial<SearchHit> & { text: string }): SearchHit {
  return {
    chunkId: 'chunk',
    documentId: 'document',
    documentName: 'handbook.md',
    collectionId: 'collection',
    sourceUri: null,
    version: 1,
    score: 1,
    tokenCount: Math.ceil(given.text.length / 4),
    ordinal: 0,
    location: { headings: [], start: 0, end: given.text.length },
    metadata: {},
    scoring: { semanticRank: 1, semanticScore: 0.9, keywordRank: null, keywordScore: null },
    ...given,
  };
}
