import { releaseLease } from '../../shared/access/lease-call.ts';
import { answerQuestion } from '../../shared/answering/answer-question.ts';
import type { AnsweredQuery, QueryEvent } from '../../shared/answering/answered-query.ts';
import { databaseLeg, type StatementRecord } from '../../shared/answering/database-leg.ts';
import { documentsLeg } from '../../shared/answering/documents-leg.ts';
import type { QuestionGround } from '../../shared/answering/open-question.ts';
import type { Rewritten } from '../../shared/answering/rewrite-question.ts';
import { type AskedQuery, sourcesOf, storeQuery } from '../../shared/answering/store-query.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { newUuid, parsePublicId, publicId } from '../../shared/core/ids.ts';
import { releaseChatTokens } from '../../shared/limits/token-quota.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import type { AskContext, Asking, AskOptions } from './asking.ts';
import { answerAccess } from './data-access.ts';
import { recordStatement } from './record-statement.ts';
import { queryView } from './views/query-view.ts';

/** Reserved for storing the answer before the function is ended. */
const storeMilliseconds = 700;

/**
 * Answers an opened question and stores the answer with its usage. If that fails, the lease and the reservation of tokens are released.
 * @param milliseconds time limit, unless the function ends sooner
 * @param hear receives the parts of the answer as they are produced
 */
export async function answerAndKeep(
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
