import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { giveUpMessage } from '../../functions/queue/give-up-message.ts';
import { runMaintenance } from '../../functions/queue/run-maintenance.ts';
import type { Services } from '../../functions/runtime/services.ts';
import type { Telemetry } from '../../functions/runtime/telemetry/telemetry.ts';
import { walkWorkspaces } from '../../shared/access/walk-workspaces.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { noEventBus } from '../../shared/core/event-bus.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import { newUuid } from '../../shared/core/ids.ts';
import type { ObjectStore } from '../../shared/core/object-store.ts';
import type { Nudge, WorkQueue } from '../../shared/core/work-queue.ts';
import { insertExample } from '../../shared/databases/sql-knowledge.ts';
import { acceptDocument } from '../../shared/ingestion/accept-document.ts';
import { beginDeletion } from '../../shared/ingestion/delete-document.ts';
import { createAnnouncements } from '../../shared/jobs/announcements.ts';
import { maintenanceMessage, nightSteps } from '../../shared/jobs/maintenance.message.ts';
import { forgetErrors, markTold, noteErrors } from '../../shared/jobs/seen-errors.ts';
import { ModelError } from '../../shared/models/model-error.ts';
import { createStatisticsKeeper } from '../../shared/retrieval/statistics-keeper.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';
import { FakeEmbedder } from '../unit/models/fake-embedder.ts';
import { MemoryObjects } from './ingestion/ingestion-world.ts';

describe('maintenance', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let sent: Nudge[];
  let services: Services;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());
  beforeEach(async () => {
    ({ id: workspaceId } = await createWorkspace(database.application));
    sent = [];
    const queue: WorkQueue = {
      send: async (_queue, nudges) => sent.push(...nudges),
      depth: async () => 0,
    };
    const parts = {
      database: database.maintainer,
      failpoint: noFailpoint,
      queue,
      clock: systemClock,
      objects: new MemoryObjects(),
      auditRoots: null,
    };
    services = {
      ...parts,
      config: {
        versionGraceSeconds: 3_600,
        models: { embeddingModel: 'm', embeddingDimensions: 1_536 },
      } as Services['config'],
      log: {
        sweepFinished() {},
        recordFailed() {},
        trailVerified() {},
        requestId: () => undefined,
      } as Partial<Telemetry> as Telemetry,
      announcements: createAnnouncements(database.maintainer, noEventBus),
      statistics: createStatisticsKeeper(database.maintainer, queue, systemClock),
    } as Partial<Services> as Services;
  });

  const run = (body: unknown) => runMaintenance(maintenanceMessage.parse(body), services, () => 60_000);
  const leave = (chunks: number) =>
    database.application.inWorkspace({ workspaceId }, (db) =>
      db.query(
        `INSERT INTO dbrag.statistics_pending (workspace_id, chunks, tokens, terms, counts) VALUES ($1, $2, 0, '{7}', $3)`,
        [workspaceId, chunks, [chunks]],
      ),
    );
  const chunksKnown = async () => {
    const { rows } = await database.admin.query<{ chunks: string }>(
      'SELECT chunks FROM dbrag.corpus_statistics WHERE workspace_id = $1',
      [workspaceId],
    );
    return Number(rows[0]?.chunks);
  };

  it('knows which errors are news, until they have not come for long', async () => {
    const failure = { fingerprint: '0123456789abcdef', name: 'Error', code: null, frames: ['embedPool'], count: 2 };
    const note = (...sightings: Parameters<typeof noteErrors>[2]) =>
      database.application.inSystem((db) => noteErrors(db, 'embed-chunks', sightings));
    const other = { ...failure, fingerprint: 'fedcba9876543210', code: '23505' };
    const told = (...fingerprints: string[]) => database.application.inSystem((db) => markTold(db, fingerprints));
    expect([...(await note(failure))]).toEqual([failure.fingerprint]);
    // Whoever noted it died before it was told.
    expect([...(await note(failure))]).toEqual([failure.fingerprint]);
    await told(failure.fingerprint);
    expect([...(await note(failure, other))]).toEqual([other.fingerprint]);
    await told(other.fingerprint);
    expect([...(await note(failure, other))]).toEqual([]);
    const { rows } = await database.admin.query(
      'SELECT fingerprint, sightings, frames FROM dbrag.seen_errors ORDER BY 1',
    );
    expect(rows).toEqual([
      { fingerprint: failure.fingerprint, sightings: '8', frames: ['embedPool'] },
      { fingerprint: other.fingerprint, sightings: '4', frames: ['embedPool'] },
    ]);
    await database.admin.query(
      `UPDATE dbrag.seen_errors SET last_seen_at = now() - interval '91 days' WHERE fingerprint = $1`,
      [failure.fingerprint],
    );
    await database.maintainer.inSystem(forgetErrors);
    expect([...(await note(failure, other))]).toEqual([failure.fingerprint]);
  });

  it('folds what was left just after a fold, by the message that the keeper sends then', async () => {
    await leave(2);
    await services.statistics.changed(workspaceId);
    await leave(3);
    await services.statistics.changed(workspaceId);
    expect(await chunksKnown()).toBe(2);
    expect(sent).toHaveLength(1);
    await run(sent[0]?.body);
    expect(await chunksKnown()).toBe(5);
  });

  it('passes the night a workspace an invocation where there is no time for more, and one that fails keeps no other', async () => {
    const third = (await createWorkspace(database.application)).id;
    const second = workspaceId;
    workspaceId = (await createWorkspace(database.application)).id;
    const first = workspaceId;
    const settled: string[] = [];
    const settle = async (id: string) => {
      settled.push(id);
      if (id === second) throw new Error('It has too much of something.');
    };
    services = { ...services, statistics: { ...services.statistics, settle } };
    let message: unknown = { v: 1, kind: 'sweep', full: true };
    for (let invocations = 0; message !== undefined && invocations < 40; invocations++) {
      const parsed = maintenanceMessage.parse(message);
      sent.length = 0;
      let asked = 0;
      // Hardly begun, its time is over.
      await runMaintenance(parsed, services, () => (asked++ < 2 ? 60_000 : 0));
      message = sent.map(({ body }) => body).find((body) => (body as { full?: boolean }).full);
    }
    expect(message).toBeUndefined();
    expect(settled.filter((id) => [first, second, third].includes(id))).toEqual([first, third, second]);
    expect(new Set(settled).size).toBe(settled.length);
  });

  describe('of the night, behind the workspaces', () => {
    /** What is left of the time of an invocation, of 1. */
    let left: number;
    let failed: string[];
    let verified: { walk: string; rounds: number }[];
    beforeEach(() => {
      [failed, verified] = [[], []];
      const recordFailed = (_: unknown, { source }: { source: string }) => void failed.push(source);
      const trailVerified = (event: { walk: string; rounds: number }) => void verified.push(event);
      services = { ...services, log: { ...services.log, recordFailed, trailVerified } };
    });
    /** @returns the messages by which the night went on */
    const passNight = async () => {
      const messages: { step?: string; after?: string }[] = [];
      let message: object | undefined = { v: 1, kind: 'sweep', full: true };
      while (message !== undefined && messages.length < 40) {
        const parsed = maintenanceMessage.parse(message);
        sent.length = 0;
        left = 1;
        await runMaintenance(parsed, services, () => 60_000 * left);
        message = sent.map(({ body }) => body as { full?: boolean }).find(({ full }) => full);
        if (message !== undefined) messages.push(message);
      }
      expect(message).toBeUndefined();
      return messages;
    };
    const listUploads = (list: () => ReturnType<ObjectStore['list']>) => {
      const objects = Object.assign(new MemoryObjects(), {
        list: async (prefix: string) => (prefix === 'uploads/' ? list() : []),
      });
      services = { ...services, objects };
    };
    /** There is always more, until the time is over. */
    const fillBucket = () => {
      let keys = 0;
      listUploads(async () => {
        left -= 0.01;
        return [{ key: `uploads/${keys++}`, bytes: 0, modifiedAt: new Date() }];
      });
    };

    it('does steps in one invocation where they take hardly any of it', async () => {
      expect(await passNight()).toEqual([]);
      expect(verified).toEqual([expect.objectContaining({ walk: 'chains' })]);
    });

    it('goes on in another invocation where a step took the time, so that it is no other that has none', async () => {
      fillBucket();
      expect((await passNight()).map(({ step }) => step)).toEqual(['deletions']);
      expect(verified).toEqual([expect.objectContaining({ walk: 'chains', rounds: 1 })]);
    });

    it('does every step although one fails', async () => {
      listUploads(async () => {
        throw new Error('There is no such folder.');
      });
      await passNight();
      const steps: readonly string[] = nightSteps;
      expect(failed.filter((source) => steps.includes(source))).toEqual(['uploads']);
      expect(verified).toEqual([expect.objectContaining({ walk: 'chains', rounds: 1 })]);
    });

    it('goes on by a message that is the end of the night to older code, and takes what it does not know for the first step', async () => {
      fillBucket();
      const [message] = await passNight();
      // Older code goes on behind this workspace: there is none.
      expect(await Array.fromAsync(walkWorkspaces(database.maintainer, message?.after))).toEqual([]);
      const ofNewerCode = { ...message, step: 'of tomorrow' };
      expect(maintenanceMessage.parse(ofNewerCode)).toMatchObject({ full: true, step: nightSteps[0] });
    });
  });

  const addExample = async (id: string) => {
    const connectionId = newUuid();
    await database.admin.query(
      `INSERT INTO dbrag.connections (workspace_id, id, name, engine, host, port, database_name, user_name, authentication, ssl)
       VALUES ($1, $2, 'shop', 'postgres', 'h', 1, 'd', 'u', 'iam', 'disable')`,
      [id, connectionId],
    );
    const example = { question: 'How many?', sql: 'SELECT 1', createdBy: 'test' };
    await database.application.inWorkspace({ workspaceId: id }, (db) =>
      insertExample(db, id, connectionId, example, null),
    );
  };

  it('asks a model that is away once in a night, whatever workspaces and invocations there are', async () => {
    for (let count = 0; count < 6; count++) await addExample((await createWorkspace(database.application)).id);
    const embedder = Object.assign(new FakeEmbedder(), { dimensions: 1_536 });
    embedder.fault = () => {
      throw new ModelError('outage', 'The model is away.', { retryAfterSeconds: 0.01 });
    };
    const waits: string[] = [];
    const embeddingWaits = ({ reason }: { reason: string }) => void waits.push(reason);
    const space = { embedder } as Partial<Services['space']> as Services['space'];
    services = { ...services, space, log: { ...services.log, embeddingWaits } };
    let message: unknown = { v: 1, kind: 'sweep', full: true };
    let invocations = 0;
    for (; message !== undefined && invocations < 20; invocations++) {
      const parsed = maintenanceMessage.parse(message);
      sent.length = 0;
      let turns = 0;
      const settle = async () => void turns++;
      services = { ...services, statistics: { ...services.statistics, settle } };
      // The time of each is over in its third workspace.
      await runMaintenance(parsed, services, () => (turns < 3 ? 60_000 : 10_000));
      message = sent.map(({ body }) => body).find((body) => (body as { full?: boolean }).full);
    }
    expect(message).toBeUndefined();
    expect(invocations).toBeGreaterThan(1);
    expect(embedder.requests).toEqual([['How many?'], ['water']]);
    expect(waits).toEqual(['The model is away.']);
    // The next night asks again.
    await run({ v: 1, kind: 'sweep', full: true });
    expect(embedder.requests).toHaveLength(4);
  });

  it('asks a model again in the same night where only a budget or a rate was used up, when that is over', async () => {
    const waiting = 'SELECT workspace_id FROM dbrag.sql_examples WHERE embedding IS NULL';
    const refused = [
      new ModelError('transient', 'The budget of tokens a minute is used up for now.', {
        retryAfterSeconds: 90,
        isOurs: true,
      }),
      new ModelError('transient', 'Too many requests.', { status: 429, retryAfterSeconds: 90 }),
    ];
    for (const refusal of refused) {
      for (let count = 0; count < 6; count++) await addExample((await createWorkspace(database.application)).id);
      const before = (await database.admin.query(waiting)).rows.length;
      const embedder = Object.assign(new FakeEmbedder(), { dimensions: 1_536 });
      embedder.embed = async (texts) => {
        embedder.requests.push(texts);
        if (embedder.requests.length === 1) throw refusal;
        return { vectors: texts.map(() => new Float32Array(1_536).fill(1)), tokens: 1 };
      };
      // A workspace takes a minute.
      let minute = 0;
      const settle = async () => void minute++;
      const clock = { now: () => new Date(Date.now() + minute * 60_000) };
      const embeddingWaits = () => {};
      services = {
        ...services,
        clock,
        space: { embedder } as Partial<Services['space']> as Services['space'],
        statistics: { ...services.statistics, settle },
        log: { ...services.log, embeddingWaits },
      };
      await run({ v: 1, kind: 'sweep', full: true });
      // The one that was refused, and the one whose turn came before it was over.
      expect((await database.admin.query(waiting)).rows).toHaveLength(2);
      expect(embedder.requests).toHaveLength(before - 1);
    }
  });

  it('tries a sweep again when the next could not be sent', async () => {
    await begin();
    const refusing: WorkQueue = { send: async () => 0, depth: async () => 0 };
    services = { ...services, queue: refusing };
    await expect(run({ v: 1, kind: 'sweep' })).rejects.toThrow('could not be sent');
    const { rows } = await database.admin.query('SELECT armed_until, leased_until FROM dbrag.sweep_state');
    expect(rows).toEqual([{ armed_until: null, leased_until: null }]);
  });

  it('follows a sweep that failed with another soon: its own message would be long in coming', async () => {
    const inSystem = async () => Promise.reject(new Error('The database is away.'));
    services = { ...services, database: { ...database.maintainer, inSystem } };
    await run({ v: 1, kind: 'sweep' });
    expect(sent).toEqual([{ body: { v: 1, kind: 'sweep' }, delaySeconds: 60 }]);
  });

  /** A document that is being deleted. @returns its job */
  const begin = async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    return database.application.inWorkspace({ workspaceId }, async (db) => {
      const { document } = await acceptDocument(db, {
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
        now: new Date(),
      });
      return (await beginDeletion(db, services, workspaceId, document.id, 'test')).jobId;
    });
  };

  it('has what a version leaves removed when a sweep or the dead-letter function ends it', async () => {
    const armed: string[] = [];
    services = { ...services, removals: { arm: async (id) => void armed.push(id) } };
    const collectionId = await createCollection(database.application, workspaceId);
    const accept = (name: string) =>
      database.application.inWorkspace({ workspaceId }, (db) =>
        acceptDocument(db, {
          workspaceId,
          collectionId,
          name,
          contentType: null,
          bytes: null,
          sourceUri: null,
          priority: 'default',
          object: { key: `content/${name}`, versionId: null },
          status: 'queued',
          createdBy: 'test',
          now: new Date(),
        }),
      );
    const change = (set: string, id: string) =>
      database.admin.query(`UPDATE dbrag.document_versions SET ${set} WHERE document_id = $1`, [id]);
    const late = (await accept('late')).document.id;
    await change(`deadline_at = now() - interval '1 minute'`, late);
    await run({ v: 1, kind: 'sweep' });
    expect(armed).toEqual([workspaceId]);
    const killing = (await accept('killing')).document.id;
    await change('claims = 5', killing);
    const body = { v: 1, workspace_id: workspaceId, document_id: killing, version: 1, attempt: 1 };
    await giveUpMessage(JSON.stringify(body), services);
    expect(armed).toEqual([workspaceId, workspaceId]);
  });

  it('sends on what is not due to be removed, and lets the database sleep', async () => {
    const untouched = { inWorkspace: 'asked', inSystem: 'asked' } as never;
    const awake = services;
    services = { ...services, database: untouched };
    const soon = Math.ceil(Date.now() / 1_000) + 1_500;
    const message = { v: 1, kind: 'remove_version', workspace_id: workspaceId };
    await run({ ...message, not_before: soon });
    expect(sent).toEqual([{ body: { ...message, not_before: soon }, groupId: workspaceId, delaySeconds: 900 }]);
    services = awake;
    await run({ ...message, not_before: 0 });
    expect(sent).toHaveLength(1);
  });

  it('folds what a deletion leaves', async () => {
    const jobId = await begin();
    await leave(-1);
    await run({ v: 1, kind: 'delete', workspace_id: workspaceId, job_id: jobId });
    expect(await chunksKnown()).toBe(-1);
  });
});
