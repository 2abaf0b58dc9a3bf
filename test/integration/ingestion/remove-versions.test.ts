import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Database, Db } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { createRemovalArm } from '../../../shared/ingestion/arm-removal.ts';
import { failVersion } from '../../../shared/ingestion/fail-version.ts';
import { reingestDocument } from '../../../shared/ingestion/reingest-document.ts';
import { removeVersions } from '../../../shared/ingestion/remove-versions.ts';
import { retireForgotten } from '../../../shared/ingestion/retire-forgotten.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld, MemoryQueue } from './ingestion-world.ts';

let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
}, 60_000);
afterAll(async () => {
  await models.close();
  await test.close();
});
beforeEach(async () => {
  models.ledger.reset();
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const textOf = (...topics: string[]): string =>
  topics
    .map((topic) => `## ${topic}\n\n${`Everything that is known about ${topic} stands here. `.repeat(30)}\n\n`)
    .join('');
const post = (...topics: string[]) =>
  world.post(workspaceId, collectionId, textOf(...topics), { sourceUri: 'https://example.com/a' });
const ready = async (...topics: string[]) => {
  const posted = await post(...topics);
  await world.drain();
  return posted;
};
const inWorkspace = <T>(work: (db: Db) => Promise<T>) => test.application.inWorkspace({ workspaceId }, work);
const remove = (graceSeconds = 0, hasTime = () => true) => {
  const { objects } = world;
  const ports = { database: test.maintainer, objects, failpoint: noFailpoint };
  return removeVersions(ports, workspaceId, { graceSeconds, hasTime });
};
const versions = async () =>
  (
    await inWorkspace((db) =>
      db.query<{ version: number; retired: boolean; removed: boolean; placements: number }>(
        `SELECT version, retired_at IS NOT NULL AS retired, removed_at IS NOT NULL AS removed,
           (SELECT count(*)::int FROM dbrag.placements p WHERE p.document_id = v.document_id AND p.version = v.version) AS placements
         FROM dbrag.document_versions v WHERE workspace_id = $1 ORDER BY document_id, version`,
        [workspaceId],
      ),
    )
  ).rows;
const count = async (table: string) =>
  (await inWorkspace((db) => db.query(`SELECT FROM dbrag.${table} WHERE workspace_id = $1`, [workspaceId]))).count;
const faults = () => findDatabaseFaults(test.admin, { workspaceId });

describe('a version that was overtaken', () => {
  it('stays readable for its grace period, then leaves with what only it placed', async () => {
    await ready('rivers', 'lakes', 'seas');
    await ready('rivers', 'ponds', 'seas');
    expect(await remove(3_600)).toBe(true);
    expect(await versions()).toEqual([
      { version: 1, retired: true, removed: false, placements: 3 },
      { version: 2, retired: false, removed: false, placements: 3 },
    ]);
    expect([await count('chunks'), world.objects.bodies.size]).toEqual([4, 2]);
    expect(await remove()).toBe(true);
    expect(await versions()).toEqual([
      { version: 1, retired: true, removed: true, placements: 0 },
      { version: 2, retired: false, removed: false, placements: 3 },
    ]);
    expect([await count('chunks'), await count('embeddings'), world.objects.bodies.size]).toEqual([3, 3, 1]);
    expect(await faults()).toEqual([]);
  });

  it('leaves only what no other version places, and what comes again is bought again', async () => {
    await ready('rivers', 'lakes');
    await ready('rivers', 'ponds');
    await remove();
    const before = models.ledger.snapshot().inputs;
    await ready('rivers', 'lakes');
    expect(models.ledger.snapshot().inputs - before).toBe(1);
    await remove();
    expect(await faults()).toEqual([]);
  });

  it('goes on in another invocation where time is over', async () => {
    await ready('rivers');
    await ready('lakes');
    expect(await remove(0, () => false)).toBe(false);
    expect(await remove()).toBe(true);
    expect((await versions()).map((version) => version.removed)).toEqual([true, false]);
    expect(await faults()).toEqual([]);
  });

  it('is found by night when nobody noted that it is', async () => {
    await ready('rivers');
    await ready('lakes');
    await test.admin.query('UPDATE dbrag.document_versions SET retired_at = NULL WHERE workspace_id = $1', [
      workspaceId,
    ]);
    await remove();
    expect((await versions())[0]).toMatchObject({ removed: false });
    expect(await inWorkspace((db) => retireForgotten(db, workspaceId))).toBe(true);
    await remove();
    expect((await versions()).map((version) => version.removed)).toEqual([true, false]);
    expect(await inWorkspace((db) => retireForgotten(db, workspaceId))).toBe(false);
  });

  it('is never the one that is live, whatever its row says', async () => {
    await ready('rivers');
    await ready('lakes');
    await test.admin.query('UPDATE dbrag.document_versions SET retired_at = now() WHERE workspace_id = $1', [
      workspaceId,
    ]);
    expect(await remove()).toBe(true);
    expect(await versions()).toMatchObject([{ removed: true }, { removed: false, placements: 1 }]);
  });

  it('keeps what is being split anew until that has ended', async () => {
    await ready('rivers');
    await ready('lakes');
    const { documentId } = await post('rivers');
    await inWorkspace((db) =>
      db.query(`UPDATE dbrag.document_versions SET status = 'processing' WHERE document_id = $1 AND version = 3`, [
        documentId,
      ]),
    );
    await remove();
    expect(await count('chunks')).toBe(2);
    await world.drain();
    await remove();
    expect(await count('chunks')).toBe(1);
    expect(await faults()).toEqual([]);
  });
});

describe('a removal that a worker came between', () => {
  it('marks no version of which a text is left', async () => {
    await ready('rivers');
    const { documentId } = await ready('lakes');
    const splitting = (isSplitting: boolean) =>
      test.admin.query(
        `UPDATE dbrag.document_versions SET status = $2, content_hash = CASE WHEN $2 = 'ready' THEN '\\x00'::bytea END
         WHERE document_id = $1 AND version = 2`,
        [documentId, isSplitting ? 'processing' : 'ready'],
      );
    let transactions = 0;
    const database: Database = {
      ...test.maintainer,
      async inWorkspace(scope, work) {
        transactions += 1;
        // Just when the texts would leave.
        if (transactions === 3 || transactions === 4) await splitting(transactions === 3);
        return test.maintainer.inWorkspace(scope, work);
      },
    };
    const { objects } = world;
    const hasTime = () => true;
    await removeVersions({ database, objects, failpoint: noFailpoint }, workspaceId, { graceSeconds: 0, hasTime });
    expect(transactions).toBe(5);
    expect((await versions()).map((version) => version.removed)).toEqual([true, false]);
    expect(await count('chunks')).toBe(1);
    expect(await faults()).toEqual([]);
  });
});

describe('a version that failed', () => {
  const fail = async (documentId: string, version: number) => {
    await inWorkspace((db) =>
      failVersion(db, { workspaceId, documentId, version, attempt: 1 }, {
        code: 'corrupt_file',
        message: 'x',
      } as never),
    );
  };

  it('leaves its text at once after its grace, and its file when a newer one has come', async () => {
    await ready('rivers');
    const { documentId } = await post('rivers', 'lakes');
    await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version: 2, attempt: 1 });
    await fail(documentId, 2);
    await test.admin.query('DELETE FROM dbrag.pending_embeddings WHERE document_id = $1', [documentId]);
    await remove();
    expect(await versions()).toMatchObject([
      { version: 1, placements: 2 - 1 },
      { version: 2, removed: true, placements: 0 },
    ]);
    expect([await count('chunks'), world.objects.bodies.size]).toEqual([1, 2]);
    await ready('seas');
    await remove();
    expect((await versions()).map((version) => version.removed)).toEqual([true, true, false]);
    expect([await count('chunks'), world.objects.bodies.size]).toEqual([1, 1]);
    expect(await faults()).toEqual([]);
  });

  it('is read again from its file', async () => {
    const { documentId } = await ready('rivers', 'lakes');
    const reingest = () =>
      inWorkspace((db) =>
        reingestDocument(db, { workspaceId, documentId, priority: 'low', createdBy: 'test', now: new Date() }),
      );
    const { document, job, priority } = await reingest();
    expect(document).toMatchObject({ version: 2, live_version: 1, status: 'ready' });
    expect(job).toMatchObject({ status: 'queued', version: 2 });
    expect(priority).toBe('low');
    const before = models.ledger.snapshot().inputs;
    await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version: 2, attempt: 1 });
    expect(models.ledger.snapshot().inputs).toBe(before);
    await remove();
    // One file, two versions: it stays while any of them needs it.
    expect(world.objects.bodies.size).toBe(1);
    expect((await versions()).map((version) => version.removed)).toEqual([true, false]);
    await reingest();
    await reingest();
    expect(
      (await inWorkspace((db) => db.query(`SELECT status FROM dbrag.document_versions ORDER BY version`))).rows,
    ).toEqual([{ status: 'ready' }, { status: 'ready' }, { status: 'cancelled' }, { status: 'queued' }]);
  });
});

describe('the arm of removals', () => {
  it('sends one message a minute and workspace, that covers the minute', async () => {
    const queue = new MemoryQueue();
    let now = 1_000_000_000_000;
    const arm = createRemovalArm(queue, { ...systemClock, now: () => new Date(now) }, 3_600);
    await arm.arm('a');
    await arm.arm('a');
    await arm.arm('b');
    now += 59_000;
    await arm.arm('a');
    now += 2_000;
    await arm.arm('a');
    expect(queue.sent.map(({ nudge }) => nudge)).toMatchObject([
      { delaySeconds: 900, groupId: 'a', body: { kind: 'remove_version', not_before: 1_000_003_660 } },
      { groupId: 'b' },
      { groupId: 'a', body: { not_before: 1_000_003_721 } },
    ]);
  });
});
