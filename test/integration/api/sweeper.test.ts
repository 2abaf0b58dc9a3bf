import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readAssembly } from '../../../infra/local/assembly/read-assembly.ts';
import { createVirtualClock, type VirtualClock } from '../../../infra/local/aws/clock.ts';
import { createEventBridge, type EventBridge } from '../../../infra/local/events/event-bridge.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { type EventSourceMapping, startEventSourceMapping } from '../../../infra/local/sqs/event-source-mapping.ts';
import { createSqsServer, type SqsServer } from '../../../infra/local/sqs/server.ts';
import { assemblyOf } from '../../../infra/local/start/assembly-cache.ts';
import { createWorkspace } from '../../../shared/access/workspaces.ts';
import type { Database } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { newUuid } from '../../../shared/core/ids.ts';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import type { QueueName, WorkQueue } from '../../../shared/core/work-queue.ts';
import { acceptDocument } from '../../../shared/ingestion/accept-document.ts';
import { createCollection } from '../../../shared/ingestion/collections.ts';
import { contentKey } from '../../../shared/ingestion/object-keys.ts';
import { removeOrphans } from '../../../shared/ingestion/remove-orphans.ts';
import { createSweepActions } from '../../../shared/ingestion/sweep-actions.ts';
import { createSweepArm, sweepDelaySeconds } from '../../../shared/jobs/arm-sweep.ts';
import { sweep } from '../../../shared/jobs/sweep.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../../support/database.ts';

const minute = 60_000;

/** The sweeper on a real database, with the queue stand-in and the schedules of the assembly on a clock that we move. */
let testDatabase: TestDatabase;
let schedules: ReturnType<typeof readAssembly>['schedules'];
beforeAll(async () => {
  [testDatabase, { schedules }] = await Promise.all([
    createTestDatabase(),
    assemblyOf('test').then((directory) => readAssembly(directory)),
  ]);
});
afterAll(() => testDatabase?.close());

let clock: VirtualClock;
/** The same as the service sees it. */
const time = { now: () => new Date(clock.now()) };
let sqs: SqsServer;
let events: EventBridge;
let mapping: EventSourceMapping;
let queue: WorkQueue & { depthOf: Partial<Record<QueueName, number>> };
let transactions: number;
let sweeps: number;
let nudged: string[];
const workspaceId = newUuid();
let collectionId: string;

const maintenance = () => sqs.queue('maintenance') as NonNullable<ReturnType<SqsServer['queue']>>;
const waiting = () => maintenance().counts().visible + maintenance().counts().inFlight + maintenance().counts().delayed;

/** Counts what asks the database anything. */
function counted(database: Database): Database {
  return {
    inWorkspace: (scope, work) => {
      transactions += 1;
      return database.inWorkspace(scope, work);
    },
    inSystem: (work) => {
      transactions += 1;
      return database.inSystem(work);
    },
  };
}

beforeAll(async () => {
  await testDatabase.application.inWorkspace({ workspaceId }, async (db) => {
    await createWorkspace(db, workspaceId, 'sweeper');
    collectionId = (await createCollection(db, workspaceId, { name: 'x' })).id;
  });
});

beforeEach(() => {
  clock = createVirtualClock(Date.now());
  sqs = createSqsServer({ authorizer: createAuthorizer([]), log: () => {}, clock });
  sqs.createQueue({ name: 'maintenance' });
  transactions = 0;
  sweeps = 0;
  nudged = [];
  queue = {
    depthOf: {},
    async send(name, nudges) {
      for (const { body, delaySeconds } of nudges) {
        if (name === 'maintenance')
          maintenance().send({ body: JSON.stringify(body), sender: 'test', delaySeconds: delaySeconds ?? 0 });
        else nudged.push(name);
      }
      return nudges.length;
    },
    depth: async (name) => queue.depthOf[name] ?? 0,
  };
  const database = counted(testDatabase.maintainer);
  const actions = createSweepActions(database, queue);
  mapping = startEventSourceMapping({
    queue: maintenance(),
    batchSize: 1,
    clock,
    log: () => {},
    invoke: async () => {
      const report = await sweep({ database, failpoint: noFailpoint, queue, clock: time, actions });
      if (report) sweeps += 1;
    },
  });
  events = createEventBridge({ authorizer: createAuthorizer([]), log: () => {}, clock });
  for (const { name, arn, expression, targets } of schedules)
    events.addRule({
      name,
      arn,
      expression,
      targets: targets.map(({ input }) => ({
        input,
        deliver: (body) => void maintenance().send({ body, sender: 'events' }),
      })),
    });
});

afterEach(async () => {
  sqs.queue('maintenance')?.close();
  await Promise.all([mapping.stop(), events.close()]);
  await testDatabase.admin.query(`UPDATE dbrag.document_versions SET status = 'cancelled'`);
  await testDatabase.admin.query(`UPDATE dbrag.documents SET status = 'cancelled'`);
  await testDatabase.admin.query('UPDATE dbrag.sweep_state SET armed_until = NULL, leased_until = NULL');
});

/** Moves both clocks: the database's own cannot be moved, so what it compares with is. */
async function pass(minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed++) {
    await testDatabase.admin.query(`UPDATE dbrag.sweep_state SET armed_until = armed_until - interval '1 minute'`);
    await clock.advance(minute);
    // What was received is worked on in real time.
    await expect.poll(() => maintenance().counts().inFlight + maintenance().counts().visible).toBe(0);
  }
}

const accept = () =>
  testDatabase.application.inWorkspace({ workspaceId }, (db) =>
    acceptDocument(db, {
      workspaceId,
      collectionId,
      name: 'x',
      contentType: null,
      bytes: null,
      sourceUri: null,
      priority: 'default',
      object: { key: 'content/x', versionId: null },
      status: 'queued',
      createdBy: 'test',
      now: time.now(),
    }),
  );
const finish = (documentId: string) =>
  testDatabase.admin.query(`UPDATE dbrag.document_versions SET status = 'ready' WHERE document_id = $1`, [documentId]);

describe('the sweeper', () => {
  it('is armed once a minute by a process, however much it accepts', async () => {
    const arm = createSweepArm(queue, time);
    for (let i = 0; i < 100; i++) await arm.arm();
    expect(waiting()).toBe(1);
    await clock.advance(minute + 1);
    for (let i = 0; i < 100; i++) await arm.arm();
    expect(waiting()).toBe(2);
  });

  it('is armed again when the message was not sent', async () => {
    let sent = 0;
    const arm = createSweepArm({ send: async () => sent++, depth: async () => 0 }, time);
    await expect(arm.arm()).rejects.toMatchObject({ code: 'overloaded' });
    await arm.arm();
    await arm.arm();
    expect(sent).toBe(2);
  });

  it('refuses work that no sweep would find, and only that', async () => {
    let accepts = 1;
    const arm = createSweepArm({ send: async () => accepts, depth: async () => 0 }, time);
    await arm.arm();
    accepts = 0;
    await clock.advance(2 * minute);
    await arm.arm();
    await clock.advance(3 * minute);
    await expect(arm.arm()).rejects.toMatchObject({ code: 'overloaded', status: 503 });
  });

  it('goes on in one chain while anything is unfinished, and ends with it', async () => {
    const processes = Array.from({ length: 5 }, () => createSweepArm(queue, time));
    for (const { arm } of processes) await arm();
    const { document } = await accept();
    await pass(sweepDelaySeconds / 60 - 1);
    expect([sweeps, nudged]).toEqual([0, []]);
    await pass(2);
    expect(nudged[0]).toBe('ingest-default');
    expect(waiting()).toBe(1);
    const begun = sweeps;
    await pass(30);
    expect(sweeps - begun).toBeGreaterThanOrEqual(3);
    expect(sweeps - begun).toBeLessThanOrEqual(8);
    expect(waiting()).toBe(1);
    await finish(document.id);
    await pass(16);
    expect(waiting()).toBe(0);
  });

  it('comes for a lost nudge within five minutes and a half, whenever it was lost', async () => {
    const passSeconds = async (seconds: number) => {
      await testDatabase.admin.query(
        `UPDATE dbrag.sweep_state SET armed_until = armed_until - make_interval(secs => $1)`,
        [seconds],
      );
      await clock.advance(seconds * 1_000);
      await expect.poll(() => maintenance().counts().inFlight + maintenance().counts().visible).toBe(0);
    };
    for (const late of [0, 2, 4]) {
      await createSweepArm(queue, time).arm();
      await passSeconds(late * 60);
      const accepted = clock.now();
      const { document } = await accept();
      await testDatabase.admin.query('UPDATE dbrag.document_versions SET created_at = $2 WHERE document_id = $1', [
        document.id,
        new Date(accepted),
      ]);
      nudged = [];
      while (nudged.length === 0 && clock.now() - accepted < 20 * minute) await passSeconds(15);
      expect(clock.now() - accepted, `armed ${late} minutes before`).toBeLessThanOrEqual(5.5 * minute);
      await finish(document.id);
      await pass(16);
    }
  });

  it('has armed the next before it does anything: one that dies half-way is followed', async () => {
    await accept();
    await testDatabase.admin.query(`UPDATE dbrag.document_versions SET created_at = now() - interval '1 hour'`);
    const dying = { reach: async (name: string) => Promise.reject(new Error(`died at ${name}`)) };
    const ports = { database: testDatabase.maintainer, queue, clock: time };
    const actions = createSweepActions(testDatabase.maintainer, queue);
    const diesAt = (wanted: string) =>
      sweep({
        ...ports,
        actions,
        failpoint: { reach: (name) => (name === wanted ? dying.reach(name) : Promise.resolve()) },
      });
    await expect(diesAt('sweep.after_nudge')).rejects.toThrow('died');
    expect([nudged.length, waiting()]).toEqual([1, 1]);
    await pass(6);
    expect(nudged.length).toBe(2);
  });

  it('that died holds its lease for a minute', async () => {
    await accept();
    await testDatabase.admin.query(`UPDATE dbrag.document_versions SET created_at = now() - interval '1 hour'`);
    const ports = {
      database: testDatabase.maintainer,
      queue,
      clock: time,
      actions: createSweepActions(testDatabase.maintainer, queue),
    };
    const stopped = sweep({ ...ports, failpoint: { reach: () => new Promise<void>(() => {}) } });
    stopped.catch(() => {});
    await expect
      .poll(async () => (await testDatabase.admin.query('SELECT leased_by FROM dbrag.sweep_state')).rows[0].leased_by)
      .not.toBeNull();
    expect(await sweep({ ...ports, failpoint: noFailpoint })).toBeUndefined();
    await testDatabase.admin.query(`UPDATE dbrag.sweep_state SET leased_until = leased_until - interval '61 seconds'`);
    expect(await sweep({ ...ports, failpoint: noFailpoint })).toMatchObject({ nudged: 1 });
  });

  it('asks nothing in thirty idle minutes', async () => {
    for (const { due } of events.upcoming()) {
      // Not the time of the nightly pass, which is the one thing that wakes the database by itself.
      if (due - clock.now() < 45 * minute) await clock.advance(60 * minute);
    }
    const arm = createSweepArm(queue, time);
    await arm.arm();
    const { document } = await accept();
    await finish(document.id);
    await pass(6);
    expect(waiting()).toBe(0);
    transactions = 0;
    await pass(30);
    expect(transactions).toBe(0);
    expect(waiting()).toBe(0);
  });

  it('wakes once a night', async () => {
    const before = clock.now();
    const due = events.upcoming().map(({ due: at }) => at);
    expect(due).toHaveLength(1);
    expect((due[0] as number) - before).toBeLessThanOrEqual(24 * 60 * minute);
    await clock.advance((due[0] as number) - before);
    await expect.poll(() => [sweeps, waiting()]).toEqual([1, 0]);
    await clock.advance(23 * 60 * minute);
    expect([sweeps, waiting()]).toEqual([1, 0]);
  });

  it('keeps still behind a backlog: nobody is sent into the line again, and nobody fails for waiting in it', async () => {
    await accept();
    await testDatabase.admin.query(
      `UPDATE dbrag.document_versions SET deadline_at = now() - interval '1 minute' WHERE status = 'queued'`,
    );
    queue.depthOf['ingest-default'] = 5_000;
    maintenance().send({ body: '{}', sender: 'test' });
    await clock.advance(1_000);
    await expect.poll(() => sweeps).toBe(1);
    expect(nudged).toEqual([]);
    const { rows } = await testDatabase.admin.query(
      `SELECT count(*)::int AS n FROM dbrag.document_versions WHERE status = 'queued'`,
    );
    expect(rows[0].n).toBe(1);
    await expect.poll(waiting).toBe(1);
  });

  it('holds its lease no longer than its invocation lives, so that its message finds it free', async () => {
    const { document } = await accept();
    let held = Number.POSITIVE_INFINITY;
    const actions = createSweepActions(testDatabase.maintainer, queue);
    const failpoint = {
      async reach() {
        const { rows } = await testDatabase.admin.query<{ seconds: number }>(
          'SELECT extract(epoch FROM leased_until - now())::float8 AS seconds FROM dbrag.sweep_state',
        );
        held = rows[0]?.seconds ?? held;
      },
    };
    const later = { now: () => new Date(time.now().getTime() + 10 * minute) };
    const ports = { database: testDatabase.maintainer, failpoint, queue, clock: later, actions };
    await sweep(ports, () => 5_000);
    expect(held).toBeLessThanOrEqual(5);
    await finish(document.id);
  });

  it('leaves it to the one that is under way', async () => {
    await accept();
    await testDatabase.admin.query(
      `UPDATE dbrag.sweep_state SET leased_by = gen_random_uuid(), leased_until = now() + interval '1 minute'`,
    );
    maintenance().send({ body: '{}', sender: 'test' });
    await clock.advance(10 * minute);
    await expect.poll(waiting).toBe(0);
    expect([sweeps, nudged]).toEqual([0, []]);
  });
});

describe('objects without a row', () => {
  it('go when they are old; what has a row, is young or is none of a posted document stays', async () => {
    const { document } = await accept();
    const kept = contentKey(workspaceId, newUuid());
    await testDatabase.admin.query('UPDATE dbrag.document_versions SET s3_key = $2 WHERE document_id = $1', [
      document.id,
      kept,
    ]);
    const days = (count: number) => new Date(clock.now() - count * 24 * 60 * minute);
    const orphans = [contentKey(workspaceId, newUuid()), contentKey(newUuid(), newUuid())];
    const young = contentKey(workspaceId, newUuid());
    const stored = new Map<string, Date>([
      [kept, days(9)],
      [young, days(1)],
      ['content/exports/of-somebody', days(9)],
      ...orphans.map((key) => [key, days(3)] as const),
    ]);
    const objects = {
      list: async (prefix: string, after = '') =>
        [...stored]
          .filter(([key]) => key.startsWith(prefix) && key > after)
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .slice(0, 2)
          .map(([key, modifiedAt]) => ({ key, bytes: 1, modifiedAt })),
      delete: async (keys: readonly string[]) => {
        for (const key of keys) stored.delete(key);
      },
    } as Partial<ObjectStore> as ObjectStore;
    const ports = { database: testDatabase.maintainer, objects, clock: time };
    expect(await removeOrphans(ports)).toBe(2);
    expect([...stored.keys()].sort()).toEqual([kept, young, 'content/exports/of-somebody'].sort());
    expect(await removeOrphans(ports)).toBe(0);
  });
});

describe('an idle database', () => {
  it('is left without a connection (LOCAL_DATABASE_URL=… npx vitest run test/integration/api/sweeper.test.ts)', async ({
    skip,
  }) => {
    if (!testDatabase.native) skip('the embedded engine has no sessions to time out: needs LOCAL_DATABASE_URL');
    const { admin, adminUrl } = testDatabase;
    // A login of its own: roles belong to the whole server, and others work on it.
    const role = `dbrag_idle_${newUuid().replaceAll('-', '')}`;
    const { rows: named } = await admin.query('SELECT current_database() AS name');
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'idle' IN ROLE dbrag_app`);
    await admin.query(`ALTER ROLE ${role} IN DATABASE ${named[0].name} SET idle_session_timeout = '2s'`);
    const url = new URL(adminUrl);
    url.username = role;
    url.password = 'idle';
    const database = openTestDatabase(url.href);
    const connections = async () =>
      (await admin.query('SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1', [role])).rows[0].n;
    try {
      await database.inSystem((db) => db.query('SELECT 1'));
      expect(await connections()).toBe(1);
      await expect.poll(connections, { timeout: 6_000 }).toBe(0);
      await database.inSystem((db) => db.query('SELECT 1'));
      expect(await connections()).toBe(1);
    } finally {
      await database.close();
      await expect.poll(connections, { timeout: 6_000 }).toBe(0);
      await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
