import {
  addTurn,
  type Conversation,
  createConversation,
  deleteConversation,
  getConversation,
  listConversations,
  listMessages,
  type Message,
} from '../../../shared/answering/conversations.ts';
import { readHistory } from '../../../shared/answering/read-history.ts';
import { rewriteQuestion } from '../../../shared/answering/rewrite-question.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { ask } from '../ask.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/conversations.ts';
import { listOf } from '../contract/primitives.ts';
import { query } from '../contract/queries.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { subjectOfRequest } from '../request-subject.ts';
import { defineRoute, ok } from '../route.ts';

const tag = 'Conversations';
/** As many as a reader scrolls through; the rest is in the history. */
const messagesShown = 1_000;
/** As many messages as a follow-up may refer to. */
const messagesRemembered = 8;

function conversationView(conversation: Conversation) {
  return {
    id: publicId('conversation', conversation.id),
    object: 'conversation' as const,
    title: conversation.title,
    metadata: conversation.metadata,
    subject: conversation.subject,
    created_at: conversation.created_at.toISOString(),
    updated_at: conversation.updated_at.toISOString(),
  };
}

function messageView(message: Message) {
  return {
    id: publicId('message', message.id),
    role: message.role,
    content: message.content,
    query_id: message.query_id === null ? null : publicId('query', message.query_id),
    created_at: message.created_at.toISOString(),
  };
}

export const conversationRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/conversations',
    access: 'reader',
    rate: 'write',
    tag,
    summary: 'Start a conversation',
    body: contract.createConversation,
    idempotent: true,
    success: { status: 201, description: 'The conversation', schema: contract.conversation },
    async handle(context) {
      const { caller, body } = context;
      return changeReply(context, async (db) => {
        const made = await createConversation(db, caller, {
          title: body.title ?? null,
          metadata: body.metadata ?? {},
          subject: subjectOfRequest(caller, body.subject),
        });
        const view = conversationView(made);
        return {
          status: 201,
          headers: { location: `/v1/conversations/${view.id}` },
          body: view,
          audit: [{ action: 'conversation.create', resourceType: 'conversation', resourceId: view.id }],
        };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/conversations',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'List conversations',
    query: contract.listConversations,
    success: { status: 200, description: 'Conversations, newest first', schema: listOf(contract.conversation) },
    async handle({ caller, query: page, services }) {
      const found = await services.database.inWorkspace(caller, (db) =>
        listConversations(db, caller.workspaceId, page.subject, pageRequest('conversation', page)),
      );
      return listReply(found, conversationView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/conversations/{id}',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'A conversation with its messages',
    success: {
      status: 200,
      description: 'The conversation and its messages, oldest first',
      schema: contract.conversationWithMessages,
    },
    dataAccess: { action: 'conversation.read', resourceType: 'conversation' },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('conversation', parameters.id ?? '');
      return services.database.inWorkspace(caller, async (db) => {
        const conversation = await getConversation(db, caller.workspaceId, id);
        const messages = await listMessages(db, caller.workspaceId, id, messagesShown);
        return ok({ ...conversationView(conversation), messages: messages.map(messageView) });
      });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/conversations/{id}',
    access: 'reader',
    rate: 'write',
    tag,
    summary: 'Delete a conversation with all its questions and answers',
    success: { status: 204, description: 'Deleted' },
    async handle(context) {
      const { caller, parameters } = context;
      const id = parsePublicId('conversation', parameters.id ?? '');
      return changeReply(context, async (db) => {
        await deleteConversation(db, caller.workspaceId, id);
        const resourceId = publicId('conversation', id);
        return {
          status: 204,
          body: undefined,
          audit: [{ action: 'conversation.delete', resourceType: 'conversation', resourceId }],
        };
      });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/conversations/{id}/messages',
    access: 'reader',
    rate: 'ask',
    tag,
    summary: 'Ask a question in a conversation',
    body: contract.createMessage,
    idempotent: true,
    streaming: true,
    success: {
      status: 200,
      description: 'As for a query; `question` is the message, rephrased so that it stands alone. May be streamed.',
      schema: query,
    },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const id = parsePublicId('conversation', parameters.id ?? '');
      const [conversation, history] = await services.database.inWorkspace(caller, async (db) => [
        await getConversation(db, caller.workspaceId, id),
        await readHistory(db, caller.workspaceId, id, messagesRemembered),
      ]);
      const said = body.content.trim();
      return ask(context, {
        body,
        // A caller who may read the conversation may read all its answers.
        narrowing: {
          collectionIds: conversation.collection_ids ?? caller.collectionIds,
          connectionIds: conversation.connection_ids ?? caller.connectionIds,
        },
        conversationId: id,
        subject: subjectOfRequest(caller, body.subject) ?? conversation.subject,
        question: (chat, options) => rewriteQuestion(chat, said, history, options),
        store: (db, queryId, { answer }) =>
          addTurn(db, caller.workspaceId, conversation, { said, answered: answer, queryId }),
      });
    },
  }),
];
