import type { ChatModel, ChatOptions, ChatOutcome } from '../models/chat-model.ts';
import { type AnswerCache, answerKey } from './answer-cache.ts';
import type { AnsweredQuery, AnsweredStep, QueryEvent } from './answered-query.ts';
import { decompose } from './decompose.ts';
import { clarifyingQuestion, type Grounds, groundsOf, unwritten, withTold } from './evidence.ts';
import { type ChosenRoute, chooseRoute, fixedRoute, type Gathered, gather } from './gather.ts';
import type { KnownAnswer } from './known-answer.ts';
import type { LegQuestion, Legs, Route } from './leg.ts';
import { answerPrompt, nothingFound } from './prompt.ts';
import { QueryLedger } from './query-ledger.ts';
import { Steps } from './steps.ts';
import { type WrittenAnswer, writeAnswer } from './write-answer.ts';

export interface AnswerPorts extends Legs {
  readonly chat: ChatModel;
  readonly answers: AnswerCache;
}

export interface AnswerRequest extends Omit<LegQuestion, 'tokenBudget'> {
  readonly route: 'auto' | Route;
  readonly reasoning: 'direct' | 'decompose';
  /** The generations of what may be searched, read before anything is. */
  readonly state: string;
  /** The call that put the question into these words, if there was one: its cost is the question's too. */
  readonly rewriting?: ChatOutcome | undefined;
}

/** The most that the model reads: enough for a dozen chunks, and small compared with any model's context. */
export const contextTokens = 6_000;

/** One question under way. */
interface Answering {
  readonly ports: AnswerPorts;
  readonly request: AnswerRequest;
  readonly options: ChatOptions;
  readonly ledger: QueryLedger;
}

/**
 * Answers one question from what the legs find: yields what happens, and returns the answer with everything that is kept of it. A
 * model or a database that fails is no error here: what the others found comes back with the reason.
 * @throws DbragError for what the caller got wrong, such as an unknown collection
 */
export async function* answerQuestion(
  ports: AnswerPorts,
  request: AnswerRequest,
  options: ChatOptions,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const ledger = new QueryLedger(request, ports.chat);
  if (request.rewriting) ledger.called(request.rewriting);
  const fixed = fixedRoute(request.route, ports);
  if (fixed) yield ledger.routed(fixed);
  const legs = [ports.documents.settings, ...(ports.database ? [ports.database.settings] : [])];
  const identity = { ...request, route: fixed ?? 'auto', chatModel: ports.chat.model, legs };
  const turn = await ports.answers.take(answerKey(identity));
  if (turn.known) {
    if (!fixed) yield ledger.routed(turn.known.route);
    return yield* tellAgain(turn.known, ledger);
  }
  try {
    const answered = yield* answerAnew({ ports, request, options, ledger });
    await turn.settle(answered);
    return answered;
  } finally {
    turn.leave();
  }
}

async function* tellAgain(known: KnownAnswer, ledger: QueryLedger): AsyncGenerator<QueryEvent, AnsweredQuery> {
  yield { type: 'sources', passages: known.passages };
  for (const step of known.steps) yield { type: 'step', step };
  if (known.citations.length > 0) yield { type: 'delta', text: known.answer };
  return ledger.known(known);
}

async function* answerAnew(answering: Answering): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const { ports, request, options, ledger } = answering;
  if (request.reasoning === 'decompose') {
    const { questions, call } = await decompose(ports.chat, request.question, options);
    if (call) ledger.called(call);
    if (questions.length > 1) return yield* answerInSteps(answering, questions);
  }
  const chosen = await choose(answering, request.question);
  // Told before a model or a database is waited for.
  if (!ledger.isRouted) yield ledger.routed(chosen.route);
  const gathered = await gatherFrom(answering, chosen);
  if (gathered.route === 'clarify') return ledger.clarified(clarifyingQuestion(gathered));
  const grounds = groundsOf([gathered], contextTokens);
  yield* found(grounds);
  return yield* answerFrom(answering, grounds);
}

function* found({ passages, results }: Grounds): Generator<QueryEvent> {
  yield { type: 'sources', passages };
  for (const result of results) yield { type: 'sql', result };
}

/**
 * The sources of all parts at once; then an answer to each part and, beside them, the answer to the whole, which reads the sources
 * themselves. Waiting for the parts would take as long as a third call in a row.
 */
async function* answerInSteps(
  answering: Answering,
  questions: readonly string[],
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const { ledger } = answering;
  const chosen = (await Promise.all(questions.map((question) => choose(answering, question)))).map(plain);
  if (!ledger.isRouted) yield ledger.routed(togetherOf(chosen));
  const gathered = await Promise.all(chosen.map((part) => gatherFrom(answering, part)));
  const grounds = groundsOf(gathered, contextTokens);
  yield* found(grounds);
  const steps = new Steps(gathered.map((part) => answerStep(answering, part)));
  const told = function* (ready: Iterable<AnsweredStep>): Generator<QueryEvent> {
    for (const step of ready) {
      ledger.stepped(step);
      yield { type: 'step', step };
    }
  };
  const writing = answerFrom(answering, grounds, questions, async function* () {
    for await (const step of steps.rest()) yield* told([step]);
  });
  for (;;) {
    const { done, value } = await writing.next();
    if (done) return value;
    yield value;
    yield* told(steps.ready());
  }
}

/** A part of a question that could be meant in two ways is read as the documents have it: one asks back about the whole only. */
function plain(chosen: ChosenRoute): ChosenRoute {
  return chosen.route === 'clarify' ? { ...chosen, route: 'documents' } : chosen;
}

function togetherOf(parts: readonly ChosenRoute[]): Route {
  const routes = new Set(parts.map(({ route }) => route));
  const [first] = routes;
  return routes.size === 1 && first !== 'clarify' ? (first ?? 'documents') : 'both';
}

async function answerStep(answering: Answering, gathered: Gathered): Promise<AnsweredStep> {
  const { question, route, database } = gathered;
  const { ports, ledger, options } = answering;
  const result = database?.result ?? null;
  const { passages, told, error } = groundsOf([gathered], contextTokens);
  if (passages.length === 0 && told.length === 0)
    return { question, route, answer: error ? null : nothingFound, result };
  const written =
    passages.length === 0
      ? unwritten
      : await whole(writeAnswer(ports.chat, answerPrompt(question, passages), passages, options));
  if (written.call) ledger.called(written.call);
  ledger.checked(written);
  return { question, route, answer: withTold(written, told, nothingFound).text, result };
}

async function whole(writing: AsyncGenerator<string, WrittenAnswer>): Promise<WrittenAnswer> {
  for (;;) {
    const { done, value } = await writing.next();
    if (done) return value;
  }
}

function choose({ ports, request }: Answering, question: string): Promise<ChosenRoute> {
  return chooseRoute(ports, request.route, { ...request, question, tokenBudget: contextTokens });
}

async function gatherFrom({ ports, options, ledger }: Answering, chosen: ChosenRoute): Promise<Gathered> {
  const gathered = await gather(ports, chosen, ports.chat, options);
  ledger.gathered(gathered);
  return gathered;
}

/** @param before events still to be sent before the answer ends */
async function* answerFrom(
  { ports, request, options, ledger }: Answering,
  grounds: Grounds,
  parts: readonly string[] = [],
  before: () => AsyncGenerator<QueryEvent> = async function* () {},
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const { passages, told, error, reason } = grounds;
  ledger.grounded(grounds);
  // Without sources there is nothing that a model could do but guess.
  if (passages.length === 0 && told.length === 0) {
    yield* before();
    if (error) return ledger.unanswered([], error);
    return ledger.nothing(reason ? `${nothingFound} The database was asked: ${reason}` : nothingFound);
  }
  let written = unwritten;
  if (passages.length > 0) {
    const writing = writeAnswer(ports.chat, answerPrompt(request.question, passages, parts), passages, options);
    ledger.asked();
    for (;;) {
      const { done, value } = await writing.next();
      if (done) {
        written = value;
        break;
      }
      yield { type: 'delta', text: value };
    }
    if (written.call) ledger.called(written.call);
  }
  const answer = withTold(written, told, nothingFound);
  const added =
    told.length > 0
      ? (answer.text ?? '').slice(written.text && written.text !== nothingFound ? written.text.length : 0)
      : '';
  if (added !== '') yield { type: 'delta', text: added };
  yield* before();
  return ledger.answered(passages, answer);
}
