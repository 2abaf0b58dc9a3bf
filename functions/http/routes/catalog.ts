import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { describeByHand, listCatalog } from '../../../shared/databases/catalog.ts';
import { beginRefresh, refreshNudge } from '../../../shared/databases/catalog-jobs.ts';
import { getConnection } from '../../../shared/databases/connections.ts';
import { storeVectors, textOf } from '../../../shared/databases/embed-catalog.ts';
import {
  insertExample,
  insertTerm,
  listExamples,
  listTerms,
  type Meaning,
  type SqlExample,
  type SqlTerm,
} from '../../../shared/databases/sql-knowledge.ts';
import { recordUsage } from '../../../shared/usage/record-usage.ts';
import type { Services } from '../../runtime/services.ts';
import { changeReply, replayReply } from '../change-reply.ts';
import * as contract from '../contract/connections.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { listReply } from '../list-reply.ts';
import { defineRoute } from '../route.ts';
import { catalogTableView } from '../views/connection-view.ts';

const tag = 'Connections';
const idOf = (parameters: Readonly<Record<string, string>>) => parsePublicId('connection', parameters.id ?? '');
/** Somebody waits, and without a vector it is kept all the same. */
const embedMilliseconds = 5_000;

/** Where a text stands among the others; null while the model is away. */
async function meaningOf({ space, log }: Services, text: string): Promise<(Meaning & { tokens: number }) | null> {
  try {
    const { vectors, tokens } = await space.embedder.embed([text], { deadline: Date.now() + embedMilliseconds });
    const [vector] = vectors;
    return vector ? { vector, model: space.embedder.model, tokens } : null;
  } catch (error) {
    log.requestFailed(error, { method: 'EMBED', path: 'catalog' });
    return null;
  }
}

const usageOf = (meaning: (Meaning & { tokens: number }) | null) =>
  meaning
    ? [{ operation: 'describe_table' as const, model: meaning.model, requests: 1, embeddingTokens: meaning.tokens }]
    : [];

const exampleView = ({ id, question, sql, created_at }: SqlExample) => ({
  id,
  object: 'sql_example' as const,
  question,
  sql,
  created_at: created_at.toISOString(),
});
const termView = ({ id, term, sql, description, created_at }: SqlTerm) => ({
  id,
  object: 'sql_term' as const,
  term,
  sql,
  description,
  created_at: created_at.toISOString(),
});

/** Ids of examples and terms are UUIDs: they are named nowhere but in these lists. */
function knowledgePage(query: { limit: number; after?: string | undefined }) {
  const isUuid = query.after !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(query.after);
  const after =
    query.after === undefined ? {} : { after: isUuid ? query.after : '00000000-0000-0000-0000-000000000000' };
  return { limit: query.limit, ...after };
}

export const catalogRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/connections/{id}/tables',
    access: 'editor',
    rate: 'read',
    tag,
    summary: 'What is known of the tables of a database',
    query: contract.listTables,
    success: { status: 200, description: 'Tables by name', schema: listOf(contract.catalogTable) },
    async handle({ caller, parameters, query, services }) {
      const id = idOf(parameters);
      const page = await services.database.inWorkspace(caller, async (db) => {
        await getConnection(db, caller.workspaceId, id);
        return listCatalog(db, caller.workspaceId, id, query);
      });
      return listReply(page, catalogTableView, (view) => view.table);
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/connections/{id}/tables/{table}',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Describe a table in your own words',
    body: contract.updateTable,
    success: { status: 200, description: 'The table', schema: contract.catalogTable },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const { workspaceId } = caller;
      const id = idOf(parameters);
      let jobId: string | undefined;
      let text: ReturnType<typeof textOf> | undefined;
      const reply = await changeReply(context, async (db) => {
        await getConnection(db, workspaceId, id);
        const table = await describeByHand(db, workspaceId, id, parameters.table ?? '', body.description);
        if (body.description === null) ({ jobId } = await beginRefresh(db, services, workspaceId, id, caller.actor));
        else text = textOf(table);
        const audit = {
          action: 'connection.describe_table',
          resourceType: 'connection',
          resourceId: publicId('connection', id),
          detail: { table: table.name },
        };
        return { status: 200, body: catalogTableView(table), audit: [audit] };
      });
      if (jobId) await sendNudges(services.queue, [refreshNudge(workspaceId, jobId)]);
      if (text) await embedNow(services, workspaceId, id, text);
      return reply;
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/{id}/examples',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Confirm the SQL that answers a question',
    body: contract.createExample,
    idempotent: true,
    success: { status: 201, description: 'The example', schema: contract.example },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const id = idOf(parameters);
      const replay = await replayReply(context);
      if (replay) return replay;
      await services.database.inWorkspace(caller, (db) => getConnection(db, caller.workspaceId, id));
      const meaning = await meaningOf(services, body.question);
      return changeReply(context, async (db) => {
        await getConnection(db, caller.workspaceId, id);
        const stored = await insertExample(db, caller.workspaceId, id, { ...body, createdBy: caller.actor }, meaning);
        await recordUsage(db, caller.workspaceId, usageOf(meaning));
        const audit = {
          action: 'connection.add_example',
          resourceType: 'connection',
          resourceId: publicId('connection', id),
        };
        return { status: 201, body: exampleView(stored), audit: [audit] };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections/{id}/examples',
    access: 'editor',
    rate: 'read',
    tag,
    summary: 'List confirmed examples',
    query: listQuery,
    success: { status: 200, description: 'Examples, newest first', schema: listOf(contract.example) },
    async handle({ caller, parameters, query, services }) {
      const id = idOf(parameters);
      const page = await services.database.inWorkspace(caller, async (db) => {
        await getConnection(db, caller.workspaceId, id);
        return listExamples(db, caller.workspaceId, id, knowledgePage(query));
      });
      return listReply(page, exampleView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/connections/{id}/terms',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Say what a business word means in SQL',
    body: contract.createTerm,
    idempotent: true,
    success: { status: 201, description: 'The term', schema: contract.term },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const id = idOf(parameters);
      const replay = await replayReply(context);
      if (replay) return replay;
      await services.database.inWorkspace(caller, (db) => getConnection(db, caller.workspaceId, id));
      const description = body.description ?? null;
      const meaning = await meaningOf(services, description ? `${body.term}: ${description}` : body.term);
      return changeReply(context, async (db) => {
        await getConnection(db, caller.workspaceId, id);
        const term = { term: body.term, sql: body.sql, description, createdBy: caller.actor };
        const stored = await insertTerm(db, caller.workspaceId, id, term, meaning);
        await recordUsage(db, caller.workspaceId, usageOf(meaning));
        const audit = {
          action: 'connection.add_term',
          resourceType: 'connection',
          resourceId: publicId('connection', id),
        };
        return { status: 201, body: termView(stored), audit: [audit] };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/connections/{id}/terms',
    access: 'editor',
    rate: 'read',
    tag,
    summary: 'List business words',
    query: listQuery,
    success: { status: 200, description: 'Terms, newest first', schema: listOf(contract.term) },
    async handle({ caller, parameters, query, services }) {
      const id = idOf(parameters);
      const page = await services.database.inWorkspace(caller, async (db) => {
        await getConnection(db, caller.workspaceId, id);
        return listTerms(db, caller.workspaceId, id, knowledgePage(query));
      });
      return listReply(page, termView, (view) => view.id);
    },
  }),
];

/** What cannot be embedded now is seen by the next refresh: its hash is that of the text before. */
async function embedNow(
  services: Services,
  workspaceId: string,
  connectionId: string,
  text: ReturnType<typeof textOf>,
): Promise<void> {
  const meaning = await meaningOf(services, text.text);
  if (!meaning) return;
  await services.database.inWorkspace({ workspaceId }, async (db) => {
    await storeVectors(db, workspaceId, connectionId, meaning.model, [text], [meaning.vector]);
    await recordUsage(db, workspaceId, usageOf(meaning));
  });
}
