import type { Database } from '../core/database.ts';

/** Tables that are partitioned by month. A row whose month has no partition is refused. */
const tables = ['dbrag.usage_events', 'dbrag.audit_events', 'dbrag.queries', 'dbrag.conversations', 'dbrag.messages'];

/** Creates the partitions of the coming year, as the owner. */
export async function createMonthPartitions(database: Database): Promise<void> {
  await database.inSystem(async (db) => {
    await db.query('SET LOCAL ROLE dbrag_owner');
    for (const table of tables) await db.query(`CALL dbrag.create_month_partitions('${table}')`);
  });
}
