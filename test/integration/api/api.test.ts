import { afterAll, beforeAll } from 'vitest';
import { accessSuite } from './access.suite.ts';
import { auditSuite } from './audit.suite.ts';
import { badDocumentSuite } from './bad-documents.suite.ts';
import { batchSuite } from './batch.suite.ts';
import { connectionSuite } from './connections.suite.ts';
import { contractSuite } from './contract.suite.ts';
import { conventionSuite } from './conventions.suite.ts';
import { databaseAnswersSuite } from './database-answers.suite.ts';
import { documentSuite } from './documents.suite.ts';
import { hostileAnswersSuite } from './hostile-answers.suite.ts';
import { jobSuite } from './jobs.suite.ts';
import { knownAnswersSuite } from './known-answers.suite.ts';
import { limitsSuite } from './limits.suite.ts';
import { nudgeSuite } from './nudges.suite.ts';
import { peopleSuite } from './people.suite.ts';
import { privacySuite } from './privacy.suite.ts';
import { querySuite } from './queries.suite.ts';
import { questionHistorySuite } from './question-history.suite.ts';
import { recordSuite } from './records.suite.ts';
import { statementSuite } from './statements.suite.ts';
import { uploadSuite } from './uploads.suite.ts';
import { type ApiWorld, startApiWorld } from './world.ts';

/** Everything that can be asked over HTTP and put into the bucket, on one local cloud: starting one costs more than most of the tests. */
let started: ApiWorld;
beforeAll(async () => {
  started = await startApiWorld();
});
afterAll(() => started?.close());

const world = () => started;

contractSuite(world);
documentSuite(world);
conventionSuite(world);
accessSuite(world);
peopleSuite(world);
recordSuite(world);
auditSuite(world);
privacySuite(world);
badDocumentSuite(world);
uploadSuite(world);
batchSuite(world);
jobSuite(world);
limitsSuite(world);
nudgeSuite(world);
knownAnswersSuite(world);
querySuite(world);
questionHistorySuite(world);
hostileAnswersSuite(world);
connectionSuite(world);
statementSuite(world);
databaseAnswersSuite(world);
