import { afterAll, beforeAll } from 'vitest';
import { auditSuite } from './audit.suite.ts';
import { badDocumentSuite } from './bad-documents.suite.ts';
import { batchSuite } from './batch.suite.ts';
import { connectionSuite } from './connections.suite.ts';
import { deployPathSuite } from './deploy-path.suite.ts';
import { hostileAnswersSuite } from './hostile-answers.suite.ts';
import { knownAnswersSuite } from './known-answers.suite.ts';
import { nudgeSuite } from './nudges.suite.ts';
import { privacySuite } from './privacy.suite.ts';
import { rightsSuite } from './rights.suite.ts';
import { takenBackSuite } from './taken-back.suite.ts';
import { type ApiWorld, startApiWorld } from './world.ts';

/** What takes longest to try over HTTP, on a local cloud of its own (`npm run test:long`). */
let started: ApiWorld;
beforeAll(async () => {
  started = await startApiWorld();
});
afterAll(() => started?.close());

const world = () => started;

auditSuite(world);
privacySuite(world);
badDocumentSuite(world);
batchSuite(world);
nudgeSuite(world);
knownAnswersSuite(world);
hostileAnswersSuite(world);
connectionSuite(world);
deployPathSuite(world);
takenBackSuite(world);
rightsSuite(() => started.cloud);
