import { leaseCall } from '../../shared/access/lease-call.ts';
import { openQuestion, type QuestionGround } from '../../shared/answering/open-question.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { compileFilter } from '../../shared/retrieval/filter.ts';
import { answerAndKeep } from './answer-and-keep.ts';
import type { AskContext, Asking } from './asking.ts';
import { replayedReply } from './change-reply.ts';
import { EventQueue } from './event-queue.ts';
import { eventStream } from './event-stream.ts';
import { problemOf } from './problem.ts';
import { eventOf, replayedStream } from './query-stream.ts';
import { reserveTokens } from './reserve-tokens.ts';
import type { Reply } from './route.ts';

/** Below the 29 s that clients of API Gateway are used to. */
const wholeMilliseconds = 25_000;
/** Below the lease of an `Idempotency-Key`, so that the same call never runs twice at once. */
const streamMilliseconds = 55_000;

/** Answers a question in one piece, or as it is written. */
export async function ask(context: AskContext, asking: Asking): Promise<Reply | Response> {
  const ground = await open(context, asking);
  const { replay } = await leaseCall(context.services.database, context);
  if (replay) return asking.body.stream ? replayedStream(replay.body) : replayedReply(replay);
  const reserved = { ...ground, reservation: await reserveTokens(context) };
  return asking.body.stream ? askStreaming(context, asking, reserved) : askWhole(context, asking, reserved);
}

/** Runs before a stream begins, so that an invalid request still gets a status of its own. */
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
  const leave = () => left.abort();
  context.left.addEventListener('abort', leave);
  // A signal that is already aborted sends no event.
  if (context.left.aborted) leave();
  const first = Promise.withResolvers<void>();
  const work = answerAndKeep(context, asking, ground, left.signal, streamMilliseconds, (event) => {
    queue.push(eventOf(event));
    first.resolve();
  }).then(
    (body) => {
      if (body.error) queue.push({ event: 'error', data: JSON.stringify(body.error) });
      queue.push({ event: 'done', data: JSON.stringify(body) });
      first.resolve();
    },
    (error: unknown) => {
      first.reject(error);
      context.services.log.requestFailed(error, { method: 'POST', path: '/v1/queries' });
      queue.push({ event: 'error', data: JSON.stringify(problemOf(error, context.origin.requestId)) });
    },
  );
  const finish = () => {
    context.left.removeEventListener('abort', leave);
    queue.close();
  };
  context.waitUntil(work.finally(finish));
  await first.promise;
  return eventStream(queue.read(), leave);
}
