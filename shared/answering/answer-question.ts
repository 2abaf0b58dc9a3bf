import { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions, ChatOutcome } from '../models/chat-model.ts';
import type { AnsweredQuery, AnsweredStep, QueryEvent } from './answered-query.ts';
import { decompose } from './decompose.ts';
import { chooseRoute, type Evidence, type Leg, type LegQuestion, type Route } from './leg.ts';
import { fitPassages, type Passage } from './passages.ts';
import { answerPrompt, type Finding, nothingFound } from './prompt.ts';
import { QueryLedger } from './query-ledger.ts';
import { type WrittenAnswer, writeAnswer } from './write-answer.ts';

export interface AnswerPorts {
  readonly legs: readonly Leg[];
  readonly chat: ChatModel;
}

export interface AnswerRequest extends Omit<LegQuestion, 'tokenBudget'> {
  readonly route: 'auto' | Route;
  readonly reasoning: 'direct' | 'decompose';
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
  if (request.reasoning === 'decompose') {
    const { questions, call } = await decompose(ports.chat, request.question, options);
    if (call) ledger.called(call);
    if (questions.length > 1) return yield* answerInSteps(ports, request, route, questions, options, ledger);
  }
  const evidence = await gather(ports, request, route, request.question, ledger);
  yield { type: 'sources', passages: evidence.passages };
  return yield* answerFrom(ports, request, evidence.passages, [], options, ledger);
}

/** Each part by itself, all at once; then one answer from what they found. */
async function* answerInSteps(
  ports: AnswerPorts,
  request: AnswerRequest,
  route: Route,
  questions: readonly string[],
  options: ChatOptions,
  ledger: QueryLedger,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  const running = questions.map((question) => answerStep(ports, request, route, question, options, ledger));
  // A later step that fails while an earlier one is awaited must not end the process.
  for (const step of running) step.catch(() => {});
  const found: StepFindings[] = [];
  for (const step of running) {
    const finding = await step;
    found.push(finding);
    ledger.stepped(finding.step);
    yield { type: 'step', step: finding.step };
  }
  const passages = fitPassages(uniqueHits(found.flatMap(({ hits }) => hits)), contextTokens);
  yield { type: 'sources', passages };
  const failed = found.find(({ error }) => error)?.error;
  if (failed && found.every(({ step }) => step.answer === null)) return ledger.unanswered(passages, failed);
  const findings = found.flatMap(({ step: { question, answer } }) => (answer ? [{ question, answer }] : []));
  return yield* answerFrom(ports, request, passages, findings, options, ledger);
}

interface StepFindings {
  readonly step: AnsweredStep;
  /** What the step's answer cites, or all that was found where no model answered. */
  readonly hits: Evidence['hits'];
  readonly error: DbragError | null;
}

async function answerStep(
  { legs, chat }: AnswerPorts,
  request: AnswerRequest,
  route: Route,
  question: string,
  options: ChatOptions,
  ledger: QueryLedger,
): Promise<StepFindings> {
  const evidence = await gather({ legs }, request, route, question, ledger);
  if (evidence.passages.length === 0) return { step: { question, route, answer: nothingFound }, hits: [], error: null };
  const written = await wholeAnswer(chat, question, evidence.passages, options);
  ledger.called(written.call);
  ledger.checked(written);
  const hits = written.error ? evidence.hits : written.citations.map(({ hit }) => hit);
  return { step: { question, route, answer: written.text }, hits, error: written.error };
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
  findings: readonly Finding[],
  options: ChatOptions,
  ledger: QueryLedger,
): AsyncGenerator<QueryEvent, AnsweredQuery> {
  // Without sources there is nothing that a model could do but guess.
  if (passages.length === 0) return ledger.nothing(nothingFound);
  const writing = writeAnswer(chat, answerPrompt(question, passages, findings), passages, options);
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

function uniqueHits(hits: Evidence['hits']): Evidence['hits'] {
  return [...new Map(hits.map((hit) => [hit.chunkId, hit])).values()];
}
