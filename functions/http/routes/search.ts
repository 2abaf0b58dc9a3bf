import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { answerSearchAs, type HitsForm } from '../../../shared/retrieval/answer-search.ts';
import type { SearchHit } from '../../../shared/retrieval/search.ts';
import { search as searchContract, searchResults } from '../contract/search.ts';
import { hitsAccess } from '../data-access.ts';
import { defineRoute, ok, WrittenJson } from '../route.ts';

function hitView(hit: SearchHit) {
  return {
    chunk_id: publicId('chunk', hit.chunkId),
    document_id: publicId('document', hit.documentId),
    document_name: hit.documentName,
    collection_id: publicId('collection', hit.collectionId),
    source_uri: hit.sourceUri,
    version: hit.version,
    score: hit.score,
    ...(hit.text === null ? {} : { text: hit.text }),
    location: hit.location,
    metadata: hit.metadata,
    scoring: {
      semantic_rank: hit.scoring.semanticRank,
      semantic_score: hit.scoring.semanticScore,
      keyword_rank: hit.scoring.keywordRank,
      keyword_score: hit.scoring.keywordScore,
    },
  };
}

/** Serialised once: a cached result is sent as it was stored. */
const written: HitsForm<string> = {
  name: 'search_results 1',
  of: (hits) => JSON.stringify(hits.map(hitView)),
  write: (text) => text,
  read: (text) => text,
};

export const searchRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/search',
    access: 'reader',
    rate: 'read',
    tag: 'Search',
    summary: 'Find the passages that answer a question',
    body: searchContract,
    success: { status: 200, description: 'Hits, best first', schema: searchResults },
    dataAccess: { action: 'search.hits', resourceType: 'search', of: hitsAccess },
    async handle({ caller, body, services }) {
      const { log } = services;
      const found = await answerSearchAs(
        services,
        {
          workspaceId: caller.workspaceId,
          narrowing: { collectionIds: caller.collectionIds, connectionIds: caller.connectionIds },
          apiKeyId: caller.apiKeyId,
          subjectId: caller.subject?.id ?? null,
          query: body.query,
          mode: body.mode,
          limit: body.limit,
          collectionIds: body.collection_ids?.map((id) => parsePublicId('collection', id)) ?? null,
          filter: body.filter ?? null,
          includeText: body.include_text,
        },
        written,
      );
      const { timing } = found;
      log.searchAnswered({
        mode: body.mode,
        resultCache: found.resultCache,
        embedMilliseconds: timing.embed,
        searchMilliseconds: timing.search,
      });
      const rest = {
        degraded: found.degraded,
        usage: { embedding_tokens: found.tokens, cost_usd: found.costUsd },
        cache: { embedding: found.embeddingCache, result: found.resultCache },
        timing_ms: timing,
      };
      return ok(new WrittenJson(`{"object":"search_results","data":${found.hits},${JSON.stringify(rest).slice(1)}`));
    },
  }),
];
