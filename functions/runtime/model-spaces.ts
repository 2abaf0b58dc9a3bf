import type { Database } from '../../shared/core/database.ts';
import type { ModelSpace } from '../../shared/ingestion/embed-chunks.ts';
import { MemoryCircuits } from '../../shared/models/circuit.ts';
import { CircuitRows } from '../../shared/models/circuit-rows.ts';
import type { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import {
  createBudget,
  createModelSpace,
  createQuestionEmbedder,
  fallbackModel,
  type ModelParts,
  primaryModel,
} from './models.ts';

/** The vector spaces of the stage, for embedding and for searching. */
export interface ModelSpaces {
  /** For work: with circuits that all processes share. */
  readonly space: ModelSpace;
  /** The space of the fallback model; null where the stage has none. */
  readonly fallbackSpace: ModelSpace | null;
  /** With circuits of this process: a question asks no database whether it may ask. */
  readonly questions: QuestionEmbedder;
  /** Questions in the fallback space, which is searched while it holds anything (`holdsFallback`). */
  readonly fallbackQuestions: QuestionEmbedder | null;
}

/** Opens no connection. */
export function createModelSpaces(parts: ModelParts, database: Database): ModelSpaces {
  const { config, cache } = parts;
  const budget = createBudget(parts);
  const shared = new CircuitRows(database);
  const own = new MemoryCircuits();
  const primary = primaryModel(config);
  const fallback = fallbackModel(config);
  const questions = (model: typeof primary) =>
    createQuestionEmbedder(parts, createModelSpace(parts, model, budget, own).embedder, cache);
  return {
    space: createModelSpace(parts, primary, budget, shared),
    fallbackSpace: fallback && createModelSpace(parts, fallback, budget, shared),
    questions: questions(primary),
    fallbackQuestions: fallback && questions(fallback),
  };
}
