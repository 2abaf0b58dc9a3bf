import { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions } from '../models/chat-model.ts';
import type { DatabaseEvidence, Evidence, LegQuestion, Legs, NearestTable, Route } from './leg.ts';
import { type Reading, routeQuestion } from './route-question.ts';

/** What was found for one question, wherever it was routed. */
export interface Gathered {
  readonly question: string;
  readonly route: Reading;
  readonly documents: Evidence | null;
  readonly database: DatabaseEvidence | null;
  /** The table that an ambiguous question might be about. */
  readonly near: NearestTable | null;
  /** Why the documents could not be searched. */
  readonly error: DbragError | null;
}

/** The route where there is nothing to choose; null where the question must be looked at first. */
export function fixedRoute(wanted: 'auto' | Route, legs: Legs): Route | null {
  if (!legs.database) return 'documents';
  return wanted === 'auto' ? null : wanted;
}

/** Where a question goes, and what was found while that was looked at. */
export interface ChosenRoute {
  readonly question: LegQuestion;
  readonly route: Reading;
  readonly near: NearestTable | null;
  /** Null where the documents were not needed to choose. */
  readonly found: Found | null;
}

type Found = Pick<Gathered, 'documents' | 'error'>;

/**
 * Chooses where a question goes: it is held against the tables and the documents at once, and no chat model is asked. What was found in
 * the documents meanwhile is evidence already.
 * @throws DbragError for what the caller got wrong, such as an unknown collection
 */
export async function chooseRoute(legs: Legs, wanted: 'auto' | Route, question: LegQuestion): Promise<ChosenRoute> {
  const { database } = legs;
  const fixed = fixedRoute(wanted, legs);
  if (!database || fixed === 'documents') return { question, route: 'documents', near: null, found: null };
  if (fixed) {
    const near = await database.nearest(question);
    return { question, route: near ? fixed : 'documents', near, found: null };
  }
  const [found, near] = await Promise.all([orFailure(legs.documents.gather(question)), database.nearest(question)]);
  const route = near ? readingOf(question.question, found.documents, near) : 'documents';
  // Nobody else answers for the documents then.
  if (route === 'documents' && found.error) throw found.error;
  return { question, route, near, found };
}

/**
 * Asks the legs that a question leads to, side by side where it leads to both.
 * @throws DbragError for what the caller got wrong, such as an unknown collection
 */
export async function gather(
  legs: Legs,
  chosen: ChosenRoute,
  chat: ChatModel,
  options: ChatOptions,
): Promise<Gathered> {
  const { question, route, near } = chosen;
  const asks = route === 'database' || route === 'both';
  const asking = near && asks ? legs.database?.gather(question, near, chat, options) : null;
  const [database, found] = await Promise.all([asking ?? null, documentsFor(legs, chosen)]);
  return { question: question.question, route, near, database, ...found };
}

async function documentsFor(legs: Legs, { question, route, found }: ChosenRoute): Promise<Found> {
  if (route === 'database') return { documents: withoutPassages(found?.documents ?? null), error: null };
  if (found) return found;
  const searching = legs.documents.gather(question);
  return route === 'both' ? orFailure(searching) : { documents: await searching, error: null };
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

/** A caller's mistake is thrown; after any other failure the other leg can still answer. */
async function orFailure(searching: Promise<Evidence>): Promise<Found> {
  try {
    return { documents: await searching, error: null };
  } catch (error) {
    if (!(error instanceof DbragError) || error.status < 500) throw error;
    return { documents: null, error };
  }
}
