import { costUsd } from '../../shared/usage/prices.ts';
import { daysOfMonth } from './prices.ts';
import { ofDocument, ofQuery, type Workload } from './workloads.ts';

/** The cost of models, billed by their providers and not by AWS. US dollars. */
export interface ModelCost {
  /** One answer that reads as many sources as it may. */
  readonly query: number;
  readonly queriesOfMonth: number;
  /** All documents, once. */
  readonly loading: number;
}

export interface ModelNames {
  readonly chatModel: string;
  readonly embeddingModel: string;
}

export function modelCost({ chatModel, embeddingModel }: ModelNames, workload: Workload): ModelCost {
  const query =
    costUsd(chatModel, { input: ofQuery.promptTokens, output: ofQuery.answerTokens }) +
    costUsd(embeddingModel, { input: ofQuery.questionTokens });
  return {
    query,
    queriesOfMonth: query * workload.queriesPerDay * daysOfMonth,
    loading: costUsd(embeddingModel, { input: workload.documents * ofDocument.tokens }),
  };
}
