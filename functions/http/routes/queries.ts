import { getQuery, getTrace, listQueries, rateQuery } from '../../../shared/answering/queries.ts';
import { parsePublicId } from '../../../shared/core/ids.ts';
import { ask } from '../ask.ts';
import { changeReply } from '../change-reply.ts';
import { listOf } from '../contract/primitives.ts';
import * as contract from '../contract/queries.ts';
import { listAccess } from '../data-access.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { subjectOfRequest } from '../request-subject.ts';
import { defineRoute, ok } from '../route.ts';
import { keptQueryView, traceView } from '../views/kept-query-view.ts';

const tag = 'Queries';

export const queryRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/queries',
    access: 'reader',
    rate: 'ask',
    tag,
    summary: 'Ask a question: an answer with checked citations',
    body: contract.createQuery,
    idempotent: true,
    streaming: true,
    success: {
      status: 200,
      description:
        'The answer. With `stream: true` it is `text/event-stream`: `route`, `sources`, `step`, `delta` (`{text}`) as they come, `error` (a problem) where something failed, and `done` with this whole object last. `done` is authoritative: the text of the deltas is the same, unless no source survived the check.',
      schema: contract.query,
    },
    async handle(context) {
      const { caller, body } = context;
      return ask(context, {
        body,
        narrowing: { collectionIds: caller.collectionIds, connectionIds: caller.connectionIds },
        conversationId: null,
        subject: subjectOfRequest(caller, body.subject),
        question: async () => ({ question: body.question.trim(), call: undefined }),
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/queries',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'List past questions',
    query: contract.listQueries,
    success: { status: 200, description: 'Questions and answers, newest first', schema: listOf(contract.query) },
    dataAccess: { action: 'query.read', resourceType: 'query', of: listAccess },
    async handle({ caller, query, services }) {
      const { route, answered, rated, from, to, conversation_id: conversation, subject } = query;
      const filter = {
        route,
        answered,
        rated,
        from,
        to,
        subject,
        conversationId: conversation === undefined ? undefined : parsePublicId('conversation', conversation),
      };
      const page = await services.database.inWorkspace(caller, (db) =>
        listQueries(db, caller.workspaceId, filter, pageRequest('query', query)),
      );
      return listReply(page, keptQueryView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/queries/{id}',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'A past question and its answer',
    success: { status: 200, description: 'The question and its answer', schema: contract.query },
    dataAccess: { action: 'query.read', resourceType: 'query' },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('query', parameters.id ?? '');
      return ok(
        keptQueryView(await services.database.inWorkspace(caller, (db) => getQuery(db, caller.workspaceId, id))),
      );
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/queries/{id}/trace',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'How an answer was produced',
    success: {
      status: 200,
      description: 'Hits with ranks before fusion and scores after it, what the model read, and timings',
      schema: contract.queryTrace,
    },
    dataAccess: { action: 'query.read', resourceType: 'query' },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('query', parameters.id ?? '');
      return ok(
        traceView(id, await services.database.inWorkspace(caller, (db) => getTrace(db, caller.workspaceId, id))),
      );
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/queries/{id}/feedback',
    access: 'reader',
    rate: 'write',
    tag,
    summary: 'Rate an answer',
    body: contract.feedback,
    idempotent: true,
    success: { status: 200, description: 'The question with the feedback', schema: contract.query },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const id = parsePublicId('query', parameters.id ?? '');
      let wasRated = false;
      const reply = await changeReply(context, async (db) => {
        const rated = await rateQuery(db, caller.workspaceId, id, { ...body, comment: body.comment ?? null });
        const view = keptQueryView(rated);
        wasRated = true;
        return {
          status: 200,
          body: view,
          audit: [{ action: 'query.rate', resourceType: 'query', resourceId: view.id }],
        };
      });
      // A replayed call must not be counted as a second rating.
      if (wasRated) services.log.queryRated(body.rating);
      return reply;
    },
  }),
];
