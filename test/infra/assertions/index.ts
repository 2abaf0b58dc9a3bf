import type { Assertion } from './assertion.ts';
import { backupAssertions } from './backups.ts';
import { cacheAssertions } from './cache.ts';
import { connectionAssertions } from './connections.ts';
import { databaseAssertions } from './database.ts';
import { edgeAssertions } from './edge.ts';
import { encryptionAssertions } from './encryption.ts';
import { environmentAssertions } from './environment.ts';
import { functionAssertions } from './functions.ts';
import { networkAssertions } from './network.ts';
import { queueAssertions } from './queues.ts';
import { rightsAssertions } from './rights.ts';
import { rolloutAssertions } from './rollout.ts';
import { storageAssertions } from './storage.ts';
import { transportAssertions } from './transport.ts';
import { hygieneAssertions, loggingAssertions, secretAssertions } from './upkeep.ts';
import { watchingAssertions } from './watching.ts';
import { waysOutAssertions } from './ways-out.ts';

/** Everything that must hold of the templates. */
export const assertions: readonly Assertion[] = [
  ...networkAssertions,
  ...waysOutAssertions,
  ...transportAssertions,
  ...encryptionAssertions,
  ...rightsAssertions,
  ...functionAssertions,
  ...environmentAssertions,
  ...queueAssertions,
  ...storageAssertions,
  ...databaseAssertions,
  ...backupAssertions,
  ...cacheAssertions,
  ...edgeAssertions,
  ...secretAssertions,
  ...loggingAssertions,
  ...watchingAssertions,
  ...hygieneAssertions,
  ...connectionAssertions,
  ...rolloutAssertions,
];
