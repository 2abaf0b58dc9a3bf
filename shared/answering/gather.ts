import { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions } from '../models/chat-model.ts';
import type { DatabaseEvidence, Evidence, LegQuestion, Legs, NearestTable, Route } from './leg.ts';
import { type Reading, routeQuestion } from './route-question.ts';

/** What was found for one question, wherever it led. */
export interface Gathered {
  readonly question: string;
  readonly route: Reading;
  readonly documents: Evidence | null;
  readonly database: DatabaseEvidence | null;
  /** What a question that could be meant in two ways might be asked of. */
  readonly near: NearestTable | null;
  /** Why the documents could not be searched. */
  readonly error: DbragError | null;
}

/** The route where there is nothing to choose; null where the question must be looked at first. */
export function fixedRoute(wanted: 'auto' | Route, legs: Legs): Route | null {
  if (!legs.database) return 'documents';
  return wanted === 'auto' ? null : wanted;
}

/**
 * Asks the legs that a question leads to, side by side where it leads to both. To choose, it is held against the tables and the
 * documents at once; what was found in the documents meanwhile is evidence already.
 * @throws DbragError for what the caller got wrong, such as an unknown collection
 */
export async function gather(
  legs: Legs,
  wanted: 'auto' | Route,
  question: LegQuestion,
  chat: ChatModel,
  options: ChatOptions,
): Promise<Gathered> {
  const { database } = legs;
  const fixed = fixedRoute(wanted, legs);
  const nothing = { question: question.question, documents: null, database: null, near: null, error: null };
  if (!database || fixed === 'documents')
    return { ...nothing, route: 'documents', documents: await legs.documents.gather(question) };
  if (fixed) {
    const near = await database.nearest(question);
    if (!near) return { ...nothing, route: 'documents', documents: await legs.documents.gather(question) };
    const asking = database.gather(question, near, chat, options);
    if (fixed === 'database') return { ...nothing, route: fixed, near, database: await asking };
    const [given, found] = await Promise.all([asking, orFailure(legs.documents.gather(question))]);
    return { ...nothing, route: fixed, near, database: given, ...found };
  }
  const [found, near] = await Promise.all([orFailure(legs.documents.gather(question)), database.nearest(question)]);
  const route = near ? readingOf(question.question, found.documents, near) : 'documents';
  // Nobody else answers for the documents then.
  if (route === 'documents' && found.error) throw found.error;
  if (!near || route === 'documents' || route === 'clarify') return { ...nothing, route, near, ...found };
  const given = await database.gather(question, near, chat, options);
  const used = route === 'both' ? found : { ...found, documents: withoutPassages(found.documents), error: null };
  return { ...nothing, route, near, database: given, ...used };
}

function readingOf(question: string, documents: Evidence | null, near: NearestTable): Reading {
  const scores = (documents?.hits ?? []).map(({ scoring }) => scoring.semanticScore ?? 0);
  const chunk = scores.length > 0 ? Math.max(...scores) : null;
  return routeQuestion({ question, table: near.score, chunk }).route;
}

/** They were searched to choose the way: what that cost is kept, and nothing of them is read. */
function withoutPassages(documents: Evidence | null): Evidence | null {
  return documents && { ...documents, passages: [], hits: [] };
}

/** What a caller got wrong is thrown; what failed by itself leaves the other leg its turn. */
async function orFailure(searching: Promise<Evidence>): Promise<Pick<Gathered, 'documents' | 'error'>> {
  try {
    return { documents: await searching, error: null };
  } catch (error) {
    if (!(error instanceof DbragError) || error.status < 500) throw error;
    return { documents: null, error };
  }
}
