import { afterAll, beforeAll } from 'vitest';
import { accessSuite } from './access.suite.ts';
import { contractSuite } from './contract.suite.ts';
import { conventionSuite } from './conventions.suite.ts';
import { databaseAnswersSuite } from './database-answers.suite.ts';
import { documentSuite } from './documents.suite.ts';
import { jobSuite } from './jobs.suite.ts';
import { limitsSuite } from './limits.suite.ts';
import { peopleSuite } from './people.suite.ts';
import { querySuite } from './queries.suite.ts';
import { questionHistorySuite } from './question-history.suite.ts';
import { recordSuite } from './records.suite.ts';
import { rightsSuite } from './rights.suite.ts';
import { statementSuite } from './statements.suite.ts';
import { uploadSuite } from './uploads.suite.ts';
import { watchingSuite } from './watching.suite.ts';
import { type ApiWorld, startApiWorld } from './world.ts';

/** What is asked over HTTP and put into the bucket, on one local cloud: starting one costs more than most of the tests. The rest: `api-long.test.ts`. */
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
uploadSuite(world);
jobSuite(world);
limitsSuite(world);
querySuite(world);
questionHistorySuite(world);
statementSuite(world);
databaseAnswersSuite(world);
watchingSuite(world);
rightsSuite(() => started.cloud);
