import { leaseCall, releaseLease } from '../../shared/access/lease-call.ts';
import { type AnswerRequest, answerQuestion } from '../../shared/answering/answer-question.ts';
import type { AnsweredQuery, QueryEvent } from '../../shared/answering/answered-query.ts';
import { databaseLeg, type StatementRecord } from '../../shared/answering/database-leg.ts';
import { documentsLeg } from '../../shared/answering/documents-leg.ts';
import { openQuestion, type QuestionGround } from '../../shared/answering/open-question.ts';
import type { Rewritten } from '../../shared/answering/rewrite-question.ts';
import { type AskedQuery, sourcesOf, storeQuery } from '../../shared/answering/store-query.ts';
import { resultOf, stepOf } from '../../shared/answering/stored-result.ts';
import type { Caller, Narrowing } from '../../shared/core/caller.ts';
import type { Db } from '../../shared/core/database.ts';
import { newUuid, parsePublicId, publicId } from '../../shared/core/ids.ts';
import { releaseChatTokens } from '../../shared/limits/token-quota.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import { compileFilter } from '../../shared/retrieval/filter.ts';
import { answerAccess } from './data-access.ts';
import { EventQueue } from './event-queue.ts';
import { eventStream, type ServerSentEvent } from './event-stream.ts';
import { problemOf } from './problem.ts';
import { recordStatement } from './record-statement.ts';
import { reserveTokens } from './reserve-tokens.ts';
import type { Reply, RouteContext } from './route.ts';
import { queryView, sourceViews } from './views/query-view.ts';

/** The options of a question besides its text, as parsed by the contract. */
export interface QueryBody {
  readonly collection_ids?: readonly string[] | undefined;
  readonly connection_ids?: readonly string[] | undefined;
  readonly route: AnswerRequest['route'];
  readonly reasoning: AnswerRequest['reasoning'];
  readonly stream: boolean;
  readonly limit: number;
  readonly filter?: NonNullable<AnswerRequest['filter']> | undefined;
}

export type AskContext = Pick<
  RouteContext<unknown, unknown, Caller>,
  'caller' | 'services' | 'origin' | 'idempotency' | 'deadline' | 'waitUntil'
>;

/** One question, ready to be asked: by itself, or as a message of a conversation. */
export interface Asking {
  readonly body: QueryBody;
  /** What may be searched and queried: whatever the caller may see, or less. */
  readonly narrowing: Narrowing;
  readonly conversationId: string | null;
  /** Whom it is asked for, as the caller names it. */
  readonly subject: string | null;
  /** The question rephrased so that it stands alone, by a model if necessary. */
  readonly question: (chat: ChatModel, options: AskOptions) => Promise<Rewritten>;
  /** Runs in the transaction that stores the answer; not if the answer may not be stored. */
  readonly store?: (db: Db, queryId: string, query: AnsweredQuery) => Promise<void>;
}

export interface AskOptions {
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** Under the 29 s that a client of a REST API is used to. */
const wholeMilliseconds = 25_000;
/** Under the lease of an `Idempotency-Key`, so that the same call is not started twice at once. */
const streamMilliseconds = 55_000;
/** For keeping the answer, when the function itself is about to be ended. */
const storeMilliseconds = 700;

/** Answers a question in one piece, or as it is written. */
export async function ask(context: AskContext, asking: Asking): Promise<Reply | Response> {
  const ground = await open(context, asking);
  const { replay } = await leaseCall(context.services.database, context);
  if (replay) return asking.body.stream ? replayedStream(replay.body) : replayedReply(replay);
  const reserved = { ...ground, reservation: await reserveTokens(context) };
  return asking.body.stream ? askStreaming(context, asking, reserved) : askWhole(context, asking, reserved);
}

/** Before a stream begins: what is wrong with a request has a status. */
async function open({ caller, services }: AskContext, { body, narrowing, subject }: Asking): Promise<QuestionGround> {
  if (body.filter) compileFilter(body.filter);
  const collectionIds = body.collection_ids?.map((id) => parsePublicId('collection', id)) ?? null;
  const connectionIds = body.connection_ids?.map((id) => parsePublicId('connection', id)) ?? null;
  return services.database.inWorkspace({ ...caller, connectionIds: narrowing.connectionIds }, (db) =>
    openQuestion(db, caller.workspaceId, { collectionIds, connectionIds, subject }),
  );
}

async function askWhole(context: AskContext, asking: Asking, ground: QuestionGround): Promise<Reply> {
  const body = await answerAndKeep(context, asking, ground, new AbortController().signal, wholeMilliseconds, () => {});
  return { status: 200, body };
}

async function askStreaming(context: AskContext, asking: Asking, ground: QuestionGround): Promise<Response> {
  const queue = new EventQueue();
  const left = new AbortController();
  const first = Promise.withResolvers<void>();
  const work = answerAndKeep(context, asking, ground, left.signal, streamMilliseconds, (event) => {
    queue.push(eventOf(event));
    first.resolve();
  }).then(
    (body) => {
      if (body.error) queue.push({ event: 'error', data: JSON.stringify(body.error) });
      queue.push({ event: 'done', data: JSON.stringify(body) });
    },
    (error: unknown) => {
      first.reject(error);
      context.services.log.requestFailed(error, { method: 'POST', path: '/v1/queries' });
      queue.push({ event: 'error', data: JSON.stringify(problemOf(error, context.origin.requestId)) });
    },
  );
  context.waitUntil(work.finally(() => queue.close()));
  await first.promise;
  return eventStream(queue.read(), () => left.abort());
}

function eventOf(event: QueryEvent): ServerSentEvent {
  switch (event.type) {
    case 'route':
      return { event: 'route', data: JSON.stringify({ route: event.route }) };
    case 'sources':
      return { event: 'sources', data: JSON.stringify({ data: sourceViews(event.passages) }) };
    case 'sql':
      return { event: 'sql', data: JSON.stringify(resultOf(event.result)) };
    case 'step':
      return { event: 'step', data: JSON.stringify(stepOf(event.step)) };
    case 'delta':
      return { event: 'delta', data: JSON.stringify({ text: event.text }) };
  }
}

async function answerAndKeep(
  context: AskContext,
  asking: Asking,
  ground: QuestionGround,
  signal: AbortSignal,
  milliseconds: number,
  hear: (event: QueryEvent) => void,
): Promise<ReturnType<typeof queryView>> {
  const { services, origin } = context;
  const deadline = Math.min(Date.now() + milliseconds, context.deadline - storeMilliseconds);
  try {
    const asked = askedOf(context.caller, asking, ground);
    const chat = services.chat(ground.chatModel);
    const rewritten = await asking.question(chat, { deadline, signal });
    const whole = await answered(context, asking, { asked, ground, chat, rewritten }, { deadline, signal }, hear);
    const body = queryView(asked, whole, origin.requestId);
    await services.database.inWorkspace(context.caller, async (db) => {
      const isKept = await storeQuery(db, asked, whole, { request: context, status: 200, body });
      if (isKept) await asking.store?.(db, asked.id, whole);
      await releaseChatTokens(db, asked.workspaceId, ground.reservation ?? null);
    });
    context.waitUntil(recordAnswer(context, ground, asked, whole));
    services.log.queryAnswered({
      route: whole.route,
      costUsd: whole.costUsd,
      answered: whole.citations.length > 0,
      resultCache: whole.resultCache === 'hit' || services.answers.isOn ? whole.resultCache : 'off',
      removedMarks: whole.trace.removedMarks,
      unverifiedNumbers: whole.trace.unverifiedNumbers,
      sqlGenerateMilliseconds: whole.timing.sqlGenerate,
      sqlExecuteMilliseconds: whole.timing.sqlExecute,
      retrieveMilliseconds: whole.timing.retrieve,
      firstTokenMilliseconds: whole.timing.firstToken,
      totalMilliseconds: whole.timing.total,
      error: whole.error?.code ?? null,
    });
    return body;
  } catch (error) {
    await services.database.inWorkspace(context.caller, async (db) => {
      await releaseChatTokens(db, context.caller.workspaceId, ground.reservation ?? null);
      await releaseLease(db, context);
    });
    throw error;
  }
}

/** The audit trail also records whom it was asked for, readable with that person's key. */
async function recordAnswer(
  { caller, services, origin }: AskContext,
  { subjectId }: QuestionGround,
  asked: AskedQuery,
  { passages }: AnsweredQuery,
): Promise<void> {
  const subject = subjectId === null ? caller.subject : { id: subjectId, name: asked.subject ?? '' };
  const sealed = await services.trail.seal(caller.workspaceId, subject, origin);
  await services.trail.record(caller, sealed, answerAccess(publicId('query', asked.id), sourcesOf(passages)), {
    atOnce: true,
  });
}

function askedOf(
  caller: Caller,
  { body, narrowing, conversationId, subject }: Asking,
  { subjectId }: QuestionGround,
): AskedQuery {
  return {
    id: newUuid(),
    workspaceId: caller.workspaceId,
    actor: caller.actor,
    apiKeyId: caller.apiKeyId,
    subjectId,
    subject,
    conversationId,
    collectionIds: body.collection_ids?.map((id) => parsePublicId('collection', id)) ?? narrowing.collectionIds,
    reasoning: body.reasoning,
  };
}

/** Everything known before a question is answered. */
interface Prepared {
  readonly asked: AskedQuery;
  readonly ground: QuestionGround;
  readonly chat: ChatModel;
  readonly rewritten: Rewritten;
}

async function answered(
  context: AskContext,
  { body, narrowing }: Asking,
  { asked, ground, chat, rewritten }: Prepared,
  options: AskOptions,
  hear: (event: QueryEvent) => void,
): Promise<AnsweredQuery> {
  const { caller, services } = context;
  const record = (statement: StatementRecord) => recordStatement(context, statement);
  const legs = {
    documents: documentsLeg(services),
    database: databaseLeg(
      { ...services, statements: services.config.connections.statements, record },
      ground.connections,
    ),
  };
  const answering = answerQuestion(
    { ...legs, chat, answers: services.answers },
    {
      workspaceId: caller.workspaceId,
      narrowing,
      apiKeyId: caller.apiKeyId,
      subjectId: ground.subjectId,
      state: ground.state,
      question: rewritten.question,
      collectionIds: body.collection_ids ? asked.collectionIds : null,
      filter: body.filter ?? null,
      limit: body.limit,
      route: body.route,
      reasoning: body.reasoning,
      rewriting: rewritten.call,
    },
    options,
  );
  for (;;) {
    const { done, value } = await answering.next();
    if (done) return value;
    hear(value);
  }
}

function replayedReply({ status, body }: { status: number; body: unknown }): Reply {
  return { status, body, headers: { 'idempotency-replayed': 'true' } };
}

/** An answer that was first streamed in pieces is replayed in one piece. */
function replayedStream(body: unknown): Response {
  const events = async function* (): AsyncGenerator<ServerSentEvent> {
    yield { event: 'done', data: JSON.stringify(body) };
  };
  const response = eventStream(events());
  response.headers.set('idempotency-replayed', 'true');
  return response;
}
