import { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions, ChatOutcome } from '../models/chat-model.ts';
import { type AnswerCache, answerKey } from './answer-cache.ts';
import type { AnsweredQuery, AnsweredStep, QueryEvent } from './answered-query.ts';
import { decompose } from './decompose.ts';
import type { KnownAnswer } from './known-answer.ts';
import { chooseRoute, type Evidence, type Leg, type LegQuestion, type Route } from './leg.ts';
import { fitPassages, type Passage } from './passages.ts';
import { answerPrompt, nothingFound } from './prompt.ts';
import { QueryLedger } from './query-ledger.ts';
import { type WrittenAnswer, writeAnswer } from './write-answer.ts';

export interface AnswerPorts {
  readonly legs: readonly Leg[];
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

/** What the model reads at most: enough for a dozen chunks, and small beside any model's context. */
const contextTokens = 6_000;

/**
 * Answers one question from what the legs find: yields what happens, and returns the answer with everything that is kept of it. A
 * model that fails is no error here: the sources come back without an answer.
 * @throws DbragError for what the caller got wrong, such as an unknown collection
 */
export async function* answerQuestion(
  ports: AnswerPorts,
  request: AnswerRequest,
  options: ChatOptions,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const ledger = new QueryLedger(request, ports.chat);
  if (request.rewriting) ledger.called(request.rewriting);
  const route = chooseRoute(request.route, ports.legs);
  ledger.routed(route);
  yield { type: 'route', route };
  const identity = { ...request, route, chatModel: ports.chat.model, legs: ports.legs.map(({ settings }) => settings) };
  const turn = await ports.answers.take(answerKey(identity));
  if (turn.known) return yield* tellAgain(turn.known, ledger);
  try {
    const answered = yield* answerAnew(ports, request, route, options, ledger);
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

async function* answerAnew(
  ports: AnswerPorts,
  request: AnswerRequest,
  route: Route,
  options: ChatOptions,
  ledger: QueryLedger,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  if (request.reasoning === 'decompose') {
    const { questions, call } = await decompose(ports.chat, request.question, options);
    if (call) ledger.called(call);
    if (questions.length > 1) return yield* answerInSteps(ports, request, route, questions, options, ledger);
  }
  const evidence = await gather(ports, request, route, request.question, ledger);
  yield { type: 'sources', passages: evidence.passages };
  return yield* answerFrom(ports, request, evidence.passages, options, ledger);
}

/**
 * The sources of all parts at once; then an answer to each part and, beside them, the answer to the whole, which reads the sources
 * themselves. Waiting for the parts would take as long as a third call in a row.
 */
async function* answerInSteps(
  ports: AnswerPorts,
  request: AnswerRequest,
  route: Route,
  questions: readonly string[],
  options: ChatOptions,
  ledger: QueryLedger,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const found = await Promise.all(questions.map((question) => gather(ports, request, route, question, ledger)));
  const passages = fitPassages(inTurns(found.map(({ hits }) => hits)), contextTokens);
  yield { type: 'sources', passages };
  const steps = new Steps(
    questions.map((question, i) => answerStep(ports.chat, question, route, found[i], options, ledger)),
  );
  const close = async function* (): AsyncGenerator<QueryEvent> {
    for await (const step of steps.rest()) {
      ledger.stepped(step);
      yield { type: 'step', step };
    }
  };
  if (passages.length === 0) {
    yield* close();
    return ledger.nothing(nothingFound);
  }
  const writing = writeAnswer(ports.chat, answerPrompt(request.question, passages, questions), passages, options);
  ledger.asked();
  for (;;) {
    const { done, value } = await writing.next();
    if (done) {
      ledger.called(value.call);
      yield* close();
      return ledger.answered(passages, value);
    }
    for (const step of steps.ready()) {
      ledger.stepped(step);
      yield { type: 'step', step };
    }
    yield { type: 'delta', text: value };
  }
}

/** Steps that run side by side, given out in the order of the question. */
class Steps {
  private readonly running: readonly Promise<AnsweredStep>[];
  private readonly finished = new Map<number, AnsweredStep>();
  private given = 0;

  constructor(running: readonly Promise<AnsweredStep>[]) {
    this.running = running;
    for (const [i, step] of running.entries()) {
      // A step that fails while nobody waits for it must not end the process; whoever waits is told.
      step.then((answered) => this.finished.set(i, answered)).catch(() => {});
    }
  }

  /** Those that have ended. */
  *ready(): Generator<AnsweredStep> {
    for (let step = this.finished.get(this.given); step; step = this.finished.get(this.given)) {
      this.given += 1;
      yield step;
    }
  }

  async *rest(): AsyncGenerator<AnsweredStep> {
    for (; this.given < this.running.length; this.given += 1) yield (await this.running[this.given]) as AnsweredStep;
  }
}

async function answerStep(
  chat: ChatModel,
  question: string,
  route: Route,
  evidence: Evidence | undefined,
  options: ChatOptions,
  ledger: QueryLedger,
): Promise<AnsweredStep> {
  if (!evidence || evidence.passages.length === 0) return { question, route, answer: nothingFound };
  const written = await wholeAnswer(chat, question, evidence.passages, options);
  ledger.called(written.call);
  ledger.checked(written);
  return { question, route, answer: written.text };
}

async function wholeAnswer(
  chat: ChatModel,
  question: string,
  passages: readonly Passage[],
  options: ChatOptions,
): Promise<WrittenAnswer> {
  const writing = writeAnswer(chat, answerPrompt(question, passages), passages, options);
  for (;;) {
    const { done, value } = await writing.next();
    if (done) return value;
  }
}

async function gather(
  { legs }: Pick<AnswerPorts, 'legs'>,
  request: AnswerRequest,
  route: Route,
  question: string,
  ledger: QueryLedger,
): Promise<Evidence> {
  const leg = legs.find(({ kind }) => route === 'both' || kind === route);
  if (!leg) throw new DbragError('internal', 'There is no leg for this route.');
  const evidence = await leg.gather({ ...request, question, tokenBudget: contextTokens });
  ledger.gathered(question, evidence);
  return evidence;
}

async function* answerFrom(
  { chat }: AnswerPorts,
  { question }: AnswerRequest,
  passages: readonly Passage[],
  options: ChatOptions,
  ledger: QueryLedger,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  // Without sources there is nothing that a model could do but guess.
  if (passages.length === 0) return ledger.nothing(nothingFound);
  const writing = writeAnswer(chat, answerPrompt(question, passages), passages, options);
  ledger.asked();
  for (;;) {
    const { done, value } = await writing.next();
    if (done) {
      ledger.called(value.call);
      return ledger.answered(passages, value);
    }
    yield { type: 'delta', text: value };
  }
}

/** The best of each list, then the second of each, and so on; each chunk once. */
function inTurns(lists: readonly Evidence['hits'][]): Evidence['hits'] {
  const longest = Math.max(...lists.map((list) => list.length));
  const turns = Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
  return turns.filter((hit, i) => turns.findIndex(({ chunkId }) => chunkId === hit.chunkId) === i);
}
