import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import { fallbackStatement, holdsFallback } from '../ingestion/fallback-space.ts';
import type { EmbeddedQuestion, QuestionEmbedder } from '../models/embed-question.ts';
import { ModelError } from '../models/model-error.ts';

export interface SpacePorts {
  readonly database: Database;
  readonly questions: QuestionEmbedder;
  /** Null where the stage has no second space. */
  readonly fallbackQuestions: QuestionEmbedder | null;
  readonly clock: Clock;
}

export interface QuestionInSpace extends EmbeddedQuestion {
  readonly model: string;
}

export interface QuestionInSpaces {
  /** Null while the first model cannot embed it. */
  readonly first: QuestionInSpace | null;
  /** Null where the second space holds nothing of the workspace, or its model cannot embed the question. */
  readonly second: QuestionInSpace | null;
  /** Of a space that holds, or may hold, vectors of the workspace: it could not be asked. */
  readonly failure: ModelError | undefined;
}

/** A question waits for its vectors no longer than this; after it, it is answered without. */
const embedMilliseconds = 4_000;

/**
 * Embeds a question in each space that holds vectors of the workspace: in the first always, in the second only while some chunks are
 * there, because the first model was down when they came, or because the first model has changed. All at the same time.
 */
export async function embedInSpaces(
  ports: SpacePorts,
  workspaceId: string,
  question: string,
): Promise<QuestionInSpaces> {
  const deadline = ports.clock.now().getTime() + embedMilliseconds;
  const embed = (embedder: QuestionEmbedder) => tryToEmbed(embedder, workspaceId, question, deadline);
  const { fallbackQuestions } = ports;
  const [first, second] = await Promise.all([
    embed(ports.questions),
    fallbackQuestions &&
      holds(ports.database, workspaceId, fallbackQuestions.model).then((held) =>
        held ? embed(fallbackQuestions) : null,
      ),
  ]);
  return {
    first: first instanceof ModelError ? null : first,
    second: second instanceof ModelError ? null : second,
    failure: [first, second].find((each) => each instanceof ModelError),
  };
}

async function tryToEmbed(
  embedder: QuestionEmbedder,
  workspaceId: string,
  question: string,
  deadline: number,
): Promise<QuestionInSpace | ModelError> {
  try {
    return { ...(await embedder.embed(workspaceId, question, { deadline })), model: embedder.model };
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}

/** Asked of the whole workspace, whatever the caller may see of it: nothing is told by it, and one look into an index is enough. */
async function holds({ ask, inWorkspace }: Database, workspaceId: string, model: string): Promise<boolean> {
  if (!ask) return inWorkspace({ workspaceId }, (db) => holdsFallback(db, workspaceId, model));
  const { rows } = await ask<{ holds: boolean }>({ workspaceId }, fallbackStatement, [workspaceId, model], {
    byIndex: true,
  });
  return rows[0]?.holds === true;
}
