import { deployFunction } from '../runtime/deploy-function.ts';
import { migrateDatabase } from '../runtime/migrate-database.ts';

/** Brings the database to the schema of this version before the other functions get its code. Deleting the stack deletes no data. */
export const handler = deployFunction(async (request) => {
  if (request.RequestType === 'Delete') return {};
  const { applied } = await migrateDatabase();
  return { Applied: applied.join(' ') };
});
