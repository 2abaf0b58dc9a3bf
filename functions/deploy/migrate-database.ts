import { compareDrillsCopy } from '../runtime/compare-copy.ts';
import { deployFunction } from '../runtime/deploy-function.ts';
import { migrateDatabase } from '../runtime/migrate-database.ts';

/**
 * Brings the database to the schema of this version before the other functions get its code. Deleting the stack deletes no data. Asked by an
 * operator, it compares the copy of a restore drill with the database, since it is in the network and knows both.
 */
export const handler = deployFunction(async (request) => {
  if (request.RequestType === 'Delete') return {};
  const { applied } = await migrateDatabase();
  return { Applied: applied.join(' ') };
}, compareDrillsCopy);
