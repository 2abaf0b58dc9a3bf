import { type AnswerSearchPorts, answerSearch } from '../retrieval/answer-search.ts';
import type { Evidence, Leg, LegQuestion } from './leg.ts';
import { fitPassages } from './passages.ts';

/** Looks in the documents of the workspace: hybrid search, and as much of what it finds as the model may read. */
export function documentsLeg(ports: AnswerSearchPorts): Leg {
  return {
    settings: JSON.stringify([ports.searches.fusion, ports.questions.model, ports.fallbackQuestions?.model ?? null]),
    async gather(question: LegQuestion): Promise<Evidence> {
      const { workspaceId, narrowing, apiKeyId, subjectId, collectionIds, filter, limit } = question;
      const found = await answerSearch(ports, {
        workspaceId,
        narrowing,
        apiKeyId,
        subjectId,
        query: question.question,
        mode: 'hybrid',
        limit,
        collectionIds,
        filter,
        includeText: true,
      });
      return {
        hits: found.hits,
        passages: fitPassages(found.hits, question.tokenBudget),
        degraded: found.degraded,
        embeddingTokens: found.tokens,
        costUsd: found.costUsd,
        embeddingCache: found.embeddingCache,
        milliseconds: found.timing.total,
      };
    },
  };
}
