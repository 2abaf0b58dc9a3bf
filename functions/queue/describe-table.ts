import type { SQSRecord } from 'aws-lambda';
import { getWorkspace } from '../../shared/access/workspaces.ts';
import { describeCatalogTables } from '../../shared/databases/describe-catalog-tables.ts';
import { describeTableMessage } from '../../shared/databases/describe-table.message.ts';
import { outlastOutage } from '../runtime/outlast-outage.ts';
import { batchFunction, type QueueInvocation } from '../runtime/queue-function.ts';

/** Messages of a batch are worked on together: tables of one connection are read in one request. */
export const handler = batchFunction((records, invocation) =>
  outlastOutage(invocation.services, records, () => describe(records, invocation)),
);

async function describe(records: readonly SQSRecord[], { services, context }: QueueInvocation): Promise<void> {
  const messages = records.map(({ body }) => describeTableMessage.parse(JSON.parse(body)));
  const { database, queue, clock, databases: client, chat } = services;
  await describeCatalogTables(
    {
      database,
      queue,
      client,
      now: () => clock.now().getTime(),
      quotasOf: (workspaceId) => services.quotas.of(workspaceId),
      chatOf: (workspaceId) =>
        database.inWorkspace({ workspaceId }, async (db) => chat((await getWorkspace(db, workspaceId)).chat_model)),
    },
    messages,
    () => context.getRemainingTimeInMillis(),
  );
  for (const workspaceId of new Set(messages.map((message) => message.workspace_id)))
    await services.announcements.tell(workspaceId);
}
