import { ask } from '../ask.ts';
import { createQuery, query } from '../contract/queries.ts';
import { defineRoute } from '../route.ts';

const tag = 'Queries';

export const queryRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/queries',
    access: 'reader',
    tag,
    summary: 'Ask a question: an answer with checked citations',
    body: createQuery,
    idempotent: true,
    streaming: true,
    success: {
      status: 200,
      description:
        'The answer. With `stream: true` it is `text/event-stream`: `route`, `sources`, `step`, `delta` (`{text}`) as they come, `error` (a problem) where something failed, and `done` with this whole object last. What `done` says holds: the text of the deltas is the same but where no source survived the check.',
      schema: query,
    },
    async handle(context) {
      const { caller, body } = context;
      return ask(context, {
        body,
        narrowing: caller.collectionIds,
        conversationId: null,
        question: async () => ({ text: body.question.trim(), usage: [] }),
      });
    },
  }),
];
