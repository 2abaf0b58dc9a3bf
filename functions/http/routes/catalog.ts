import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { describeByHand, listCatalog } from '../../../shared/databases/catalog.ts';
import { beginRefresh, refreshNudge } from '../../../shared/databases/catalog-jobs.ts';
import { getConnection } from '../../../shared/databases/connections.ts';
import { textOf } from '../../../shared/databases/embed-catalog.ts';
import { storeVectors } from '../../../shared/databases/text-rows.ts';
import { recordUsage } from '../../../shared/usage/record-usage.ts';
import type { Services } from '../../runtime/services.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/connections.ts';
import { listOf } from '../contract/primitives.ts';
import { listReply } from '../list-reply.ts';
import { meaningOf, usageOfMeaning } from '../meaning-of-text.ts';
import { defineRoute } from '../route.ts';
import { catalogTableView } from '../views/connection-view.ts';

const tag = 'Connections';
const idOf = (parameters: Readonly<Record<string, string>>) => parsePublicId('connection', parameters.id ?? '');
export const catalogRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/connections/{id}/tables',
    access: 'editor',
    rate: 'read',
    tag,
    summary: 'List the known tables of a database',
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
        else text = textOf(id, table);
        const audit = {
          action: 'connection.describe_table',
          resourceType: 'connection',
          resourceId: publicId('connection', id),
          detail: { table: table.name },
        };
        return { status: 200, body: catalogTableView(table), audit: [audit] };
      });
      if (jobId) await sendNudges(services.queue, [refreshNudge(workspaceId, jobId)]);
      if (text) await embedNow(services, workspaceId, text);
      return reply;
    },
  }),
];

/** If it cannot be embedded now, the next refresh notices: the stored hash is that of the previous text. */
async function embedNow(services: Services, workspaceId: string, text: ReturnType<typeof textOf>): Promise<void> {
  const meaning = await meaningOf(services, text.text);
  if (!meaning) return;
  await services.database.inWorkspace({ workspaceId }, async (db) => {
    await storeVectors(db, workspaceId, 'catalog_tables', meaning.model, [text], [meaning.vector]);
    await recordUsage(db, workspaceId, usageOfMeaning(meaning));
  });
}
