import type { z } from 'zod/mini';
import type { Db } from '../../../shared/core/database.ts';
import { notFound } from '../../../shared/core/errors.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import type { Page, PageRequest } from '../../../shared/core/page.ts';
import { getConnection } from '../../../shared/databases/connections.ts';
import {
  deleteKnowledge,
  insertExample,
  insertTerm,
  listExamples,
  listTerms,
  type Meaning,
  type SqlExample,
  type SqlTerm,
} from '../../../shared/databases/sql-knowledge.ts';
import { recordUsage } from '../../../shared/usage/record-usage.ts';
import { changeReply, replayReply } from '../change-reply.ts';
import * as contract from '../contract/connections.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { listReply } from '../list-reply.ts';
import { meaningOf, usageOfMeaning } from '../meaning-of-text.ts';
import { defineRoute, type Route } from '../route.ts';
import { embeddingError } from '../views/connection-view.ts';

const tag = 'Connections';
const idOf = (parameters: Readonly<Record<string, string>>) => parsePublicId('connection', parameters.id ?? '');

/** Ids of examples and terms are UUIDs: they are named nowhere but in these lists. */
const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
const nobodys = '00000000-0000-0000-0000-000000000000';

/** One kind of knowledge that people contribute about a database. */
interface Knowledge<Body extends z.ZodMiniType, Item> {
  readonly kind: 'example' | 'term';
  readonly summaries: { readonly add: string; readonly list: string; readonly remove: string };
  readonly created: string;
  readonly body: Body;
  readonly schema: z.ZodMiniType;
  /** By which a question finds it. */
  readonly textOf: (body: z.output<Body>) => string;
  readonly insert: (
    db: Db,
    workspaceId: string,
    connectionId: string,
    body: z.output<Body>,
    createdBy: string,
    meaning: Meaning,
  ) => Promise<Item>;
  readonly list: (db: Db, workspaceId: string, connectionId: string, page: PageRequest) => Promise<Page<Item>>;
  readonly view: (item: Item) => { readonly id: string };
}

function routesOf<Body extends z.ZodMiniType, Item>(knowledge: Knowledge<Body, Item>): readonly Route[] {
  const { kind, summaries } = knowledge;
  const path = `/v1/connections/{id}/${kind}s`;
  const auditOf = (change: 'add' | 'remove', id: string) => ({
    action: `connection.${change}_${kind}`,
    resourceType: 'connection',
    resourceId: publicId('connection', id),
  });
  return [
    defineRoute({
      method: 'POST',
      path,
      access: 'editor',
      rate: 'write',
      tag,
      summary: summaries.add,
      body: knowledge.body as z.ZodMiniType<z.output<Body>>,
      idempotent: true,
      success: { status: 201, description: knowledge.created, schema: knowledge.schema },
      async handle(context) {
        const { caller, parameters, body, services } = context;
        const { workspaceId } = caller;
        const id = idOf(parameters);
        const replay = await replayReply(context);
        if (replay) return replay;
        await services.database.inWorkspace(caller, (db) => getConnection(db, workspaceId, id));
        const meaning = await meaningOf(services, knowledge.textOf(body));
        return changeReply(context, async (db) => {
          await getConnection(db, workspaceId, id);
          const stored = await knowledge.insert(db, workspaceId, id, body, caller.actor, meaning);
          await recordUsage(db, workspaceId, usageOfMeaning(meaning));
          return { status: 201, body: knowledge.view(stored), audit: [auditOf('add', id)] };
        });
      },
    }),
    defineRoute({
      method: 'GET',
      path,
      access: 'editor',
      rate: 'read',
      tag,
      summary: summaries.list,
      query: listQuery,
      success: { status: 200, description: 'Newest first', schema: listOf(knowledge.schema) },
      async handle({ caller, parameters, query: { limit, after }, services }) {
        const id = idOf(parameters);
        const from = after === undefined ? {} : { after: isUuid(after) ? after : nobodys };
        const page = await services.database.inWorkspace(caller, async (db) => {
          await getConnection(db, caller.workspaceId, id);
          return knowledge.list(db, caller.workspaceId, id, { limit, ...from });
        });
        return listReply(page, knowledge.view, (view) => view.id);
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: `${path}/{${kind}}`,
      access: 'editor',
      rate: 'write',
      tag,
      summary: summaries.remove,
      success: { status: 204, description: 'Deleted: it no longer guides new statements' },
      async handle(context) {
        const { caller, parameters } = context;
        const id = idOf(parameters);
        const asked = parameters[kind] ?? '';
        if (!isUuid(asked)) throw notFound(kind);
        return changeReply(context, async (db) => {
          await getConnection(db, caller.workspaceId, id);
          await deleteKnowledge(db, caller.workspaceId, id, kind, asked);
          return { status: 204, body: undefined, audit: [auditOf('remove', id)] };
        });
      },
    }),
  ];
}

const exampleView = ({ id, question, sql, refusal, created_at }: SqlExample) => ({
  id,
  object: 'sql_example' as const,
  question,
  sql,
  embedding_error: embeddingError(refusal),
  created_at: created_at.toISOString(),
});
const termView = ({ id, term, sql, description, refusal, created_at }: SqlTerm) => ({
  id,
  object: 'sql_term' as const,
  term,
  sql,
  description,
  embedding_error: embeddingError(refusal),
  created_at: created_at.toISOString(),
});

export const sqlKnowledgeRoutes = [
  ...routesOf({
    kind: 'example',
    summaries: {
      add: 'Confirm the SQL that answers a question',
      list: 'List confirmed examples',
      remove: 'Remove a confirmed example',
    },
    created: 'The example',
    body: contract.createExample,
    schema: contract.example,
    textOf: ({ question }) => question,
    insert: (db, workspaceId, connectionId, body, createdBy, meaning) =>
      insertExample(db, workspaceId, connectionId, { ...body, createdBy }, meaning),
    list: listExamples,
    view: exampleView,
  }),
  ...routesOf({
    kind: 'term',
    summaries: {
      add: 'Define a business term in SQL',
      list: 'List business terms',
      remove: 'Remove a business term',
    },
    created: 'The term',
    body: contract.createTerm,
    schema: contract.term,
    textOf: ({ term, description }) => (description ? `${term}: ${description}` : term),
    insert: (db, workspaceId, connectionId, { term, sql, description = null }, createdBy, meaning) =>
      insertTerm(db, workspaceId, connectionId, { term, sql, description, createdBy }, meaning),
    list: listTerms,
    view: termView,
  }),
];
