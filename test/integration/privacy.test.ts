import { createHash, randomInt } from 'node:crypto';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expireContent } from '../../functions/queue/keep-privacy.ts';
import type { Services } from '../../functions/runtime/services.ts';
import { sealTrail } from '../../shared/access/seal-trail.ts';
import { subjectIdOf } from '../../shared/access/subjects.ts';
import { updateWorkspace } from '../../shared/access/workspaces.ts';
import { addTurn, createConversation } from '../../shared/answering/conversations.ts';
import { systemClock } from '../../shared/core/clock.ts';
import type { Db } from '../../shared/core/database.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import { newUuid, publicId, timeOfUuid } from '../../shared/core/ids.ts';
import { retryJob } from '../../shared/jobs/change-job.ts';
import { finishJob } from '../../shared/jobs/finish-job.ts';
import { getJob } from '../../shared/jobs/jobs.ts';
import { archiveTables, unarchivedTables } from '../../shared/privacy/archive-tables.ts';
import { beginSubjectErasure, remainingOfSubject } from '../../shared/privacy/erase-subject.ts';
import { beginWorkspaceErasure } from '../../shared/privacy/erase-workspace.ts';
import { beginExport, exportJobs } from '../../shared/privacy/export-job.ts';
import { findErasure } from '../../shared/privacy/find-erasure.ts';
import { runErasure } from '../../shared/privacy/run-erasure.ts';
import { runExport } from '../../shared/privacy/run-export.ts';
import { lastRowStores, remainingRows, rowStores } from '../../shared/privacy/workspace-stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-model-server/server.ts';
import { LockedRoots } from '../support/locked-roots.ts';
import { IngestionWorld } from './ingestion/ingestion-world.ts';

/** How many races are run; `npm run test:erasure-races` runs 1,000 on a native server. */
const races = Number(process.env.RACES ?? 6);
const firstSeed = Number(process.env.SEED ?? randomInt(1_000_000));

describe('what leaves', () => {
  let test: TestDatabase;
  let models: FakeModelServer;
  beforeAll(async () => {
    test = await createTestDatabase();
    models = await startFakeModelServer();
  }, 60_000);
  afterAll(async () => {
    await models?.close();
    await test?.close();
  });

  it('is every table that carries a workspace: erased, and archived or left out for a reason', async () => {
    const { rows } = await test.admin.query<{ name: string }>(
      `SELECT DISTINCT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = 'dbrag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND (a.attname = 'workspace_id' OR c.relname = 'workspaces')`,
    );
    const names = rows.map(({ name }) => name).sort();
    expect([...rowStores.map(({ table }) => table), ...lastRowStores].sort()).toEqual(names);
    expect([...archiveTables.map(({ table }) => table), ...Object.keys(unarchivedTables)].sort()).toEqual(names);
  });

  async function stage() {
    const world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
    const { id: workspaceId } = await createWorkspace(test.application);
    const collectionId = await createCollection(test.application, workspaceId);
    const { objects } = world;
    const ports = {
      database: test.maintainer,
      objects,
      // Not the workers' queue: jobs are run here by hand.
      queue: { send: async () => 1, depth: async () => 0 },
      clock: systemClock,
      failpoint: noFailpoint,
      backupDays: 7,
      passwords: { remove: async () => {} },
      forgetCached: async () => 0,
      keys: null,
    };
    const inWorkspace: typeof test.application.inWorkspace = (_scope, work) =>
      test.application.inWorkspace({ workspaceId }, work);
    const scope = { workspaceId };
    const post = (text: string) => world.post(workspaceId, collectionId, text);
    /** What a question leaves. */
    const converse = (subject: string) =>
      inWorkspace(scope, (db) =>
        createConversation(db, { workspaceId, actor: 'key_1', collectionIds: null } as never, {
          title: 'x',
          metadata: {},
          subject,
        }),
      );
    return { world, workspaceId, collectionId, objects, ports, inWorkspace, scope, post, converse };
  }

  it('is written to an archive as it was at one moment, in several invocations if it must', async () => {
    const { world, workspaceId, ports, objects, post, inWorkspace, scope } = await stage();
    for (let i = 0; i < 3; i++) await post(`## ${i}\n\nHerons wade in shallow water ${i}.`);
    await world.drain();
    const jobId = await inWorkspace(scope, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
    );
    // A worker that dies in the middle leaves nothing behind, and the next begins that archive again.
    const failpoint = { reach: async () => Promise.reject(new Error('died')) };
    await expect(runExport({ ...ports, failpoint }, workspaceId, jobId, () => true)).rejects.toThrow('died');
    const archives = () => [...objects.bodies.keys()].filter((key) => key.includes('/exports/')).sort();
    expect(archives()).toEqual([]);
    const job = async () =>
      (
        await inWorkspace(scope, (db) =>
          db.query<{ status: string; result: { rows: number } }>(
            'SELECT status, result FROM dbrag.jobs WHERE id = $1',
            [jobId],
          ),
        )
      ).rows[0];
    // No time for more than one file an invocation; what is posted meanwhile is in none of them.
    for (let run = 0; (await job())?.status !== 'succeeded' && run < 10; run++) {
      await runExport(ports, workspaceId, jobId, () => false);
      if (run === 0) await post('Too late.');
    }
    expect((await job())?.status).toBe('succeeded');
    const contents = archives().map((key) => unzipSync(objects.bodies.get(key) as Uint8Array));
    expect(contents.length).toBeGreaterThanOrEqual(3);
    const files = contents.flatMap((content) => Object.keys(content).filter((path) => path.startsWith('files/')));
    expect(new Set(files).size).toBe(3);
    expect(files).toHaveLength(3);
    const chunks = Buffer.from(contents[0]?.['tables/chunks.jsonl'] ?? []).toString();
    expect(chunks.trim().split('\n')).toHaveLength(3);
    // Delivered once more, it is the same.
    await runExport(ports, workspaceId, jobId, () => true);
    expect(archives()).toHaveLength(contents.length);
  });

  it('is what its job says of it, where two runs write it at once', async () => {
    const { world, workspaceId, ports, objects, post, inWorkspace, scope } = await stage();
    await post('Herons wade.');
    await world.drain();
    const jobId = await inWorkspace(scope, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
    );
    const overtaken = { reach: () => runExport(ports, workspaceId, jobId, () => true) };
    await runExport({ ...ports, failpoint: overtaken }, workspaceId, jobId, () => true);
    const job = await inWorkspace(scope, (db) => getJob(db, workspaceId, jobId));
    const [archive, ...others] = (job.result as { archives: { key: string; sha256: string }[] } | null)?.archives ?? [];
    expect(others).toEqual([]);
    const written = [...objects.bodies].filter(([key]) => key.includes('/exports/'));
    expect(written.map(([key]) => key)).toEqual([archive?.key]);
    expect(
      createHash('sha256')
        .update(written[0]?.[1] as Uint8Array)
        .digest('hex'),
    ).toBe(archive?.sha256);
  });

  it.each([
    ['goes on', 1],
    ['finds nothing left to do', 2],
  ])('leaves no archive of a run that died before its job named it, once another run %s', async (_, others) => {
    const { world, workspaceId, ports, objects, post, inWorkspace, scope } = await stage();
    for (let i = 0; i < 2; i++) await post(`## ${i}\n\nHerons wade ${i}.`);
    await world.drain();
    const jobId = await inWorkspace(scope, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
    );
    const archives = () => [...objects.bodies.keys()].filter((key) => key.includes('/exports/')).sort();
    const job = () => inWorkspace(scope, (db) => getJob(db, workspaceId, jobId));
    const named = async () => ((await job()).result as { archives: { key: string }[] } | null)?.archives ?? [];
    /** Dies behind its archive, at once or when another run has ended the export. */
    const dies = (meanwhile: () => Promise<unknown> = async () => {}) => {
      const reach = async (name: string) => {
        if (name !== 'export.before_record') return;
        await meanwhile();
        throw new Error('died');
      };
      return expect(runExport({ ...ports, failpoint: { reach } }, workspaceId, jobId, () => false)).rejects.toThrow(
        'died',
      );
    };
    const goOn = async () => {
      for (let run = 0; (await job()).status !== 'succeeded' && run < 10; run++)
        await runExport(ports, workspaceId, jobId, () => false);
    };
    if (others === 1) {
      await dies();
      expect(archives()).toHaveLength(1);
      await runExport(ports, workspaceId, jobId, () => false);
      // What the job names now, and nothing else of that number.
      expect(archives()).toHaveLength(1);
      await dies();
      await goOn();
    } else {
      const putAside = new Map<string, Uint8Array>();
      await dies(async () => {
        // It closes its archive only now.
        for (const key of archives()) putAside.set(key, objects.bodies.get(key) as Uint8Array);
        await goOn();
        for (const [key, body] of putAside) objects.bodies.set(key, body);
      });
      expect(archives().length).toBeGreaterThan((await named()).length);
      await runExport(ports, workspaceId, jobId, () => false);
    }
    const keys = (await named()).map(({ key }) => key).sort();
    expect(keys.length).toBeGreaterThanOrEqual(2);
    expect(archives()).toEqual(keys);
  });

  describe('of an export that is begun again', () => {
    async function begun() {
      const staged = await stage();
      const { world, workspaceId, ports, objects, post, inWorkspace, scope } = staged;
      await post('Herons wade.');
      await world.drain();
      const jobId = await inWorkspace(scope, (db) =>
        beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
      );
      const runOn = (changed: object = {}, hasTime = true) =>
        runExport({ ...ports, ...changed }, workspaceId, jobId, () => hasTime);
      /** Ended, begun again, and written to its end. */
      const again = async () => {
        await inWorkspace(scope, (db) => finishJob(db, workspaceId, jobId, { status: 'cancelled' }));
        await inWorkspace(scope, (db) => retryJob(db, { export: exportJobs }, workspaceId, jobId, new Date()));
        await runOn();
      };
      let isBegunAgain = false;
      const afterAgain =
        <Given extends unknown[], Result>(remove: (...given: Given) => Promise<Result>) =>
        async (...given: Given) => {
          if (!isBegunAgain) {
            isBegunAgain = true;
            await again();
          }
          return remove(...given);
        };
      /** Of a run that comes to removing only after that. */
      const late = Object.assign(Object.create(objects), {
        list: afterAgain(objects.list),
        purge: afterAgain(objects.purge.bind(objects)),
      });
      const expectWhole = async () => {
        const job = await inWorkspace(scope, (db) => getJob(db, workspaceId, jobId));
        const named = (job.result as { archives: { key: string }[] } | null)?.archives.map(({ key }) => key) ?? [];
        expect([job.status, named.length > 0]).toEqual(['succeeded', true]);
        expect([...objects.bodies.keys()].filter((key) => key.includes('/exports/')).sort()).toEqual(named.sort());
      };
      return { ...staged, jobId, runOn, late, expectWhole };
    }

    it('stays what its job names, where a run of before has named one and removes the rest only now', async () => {
      const { runOn, late, expectWhole, post, world } = await begun();
      await post('Storks wade too.');
      await world.drain();
      // One file an invocation: the export goes on after it.
      await runOn({ objects: late }, false);
      await expectWhole();
    });

    it('stays what its job names, where a run of before found it ended and removes all of it only now', async () => {
      const { runOn, late, expectWhole, workspaceId, jobId, inWorkspace, scope } = await begun();
      await inWorkspace(scope, (db) => finishJob(db, workspaceId, jobId, { status: 'cancelled' }));
      await runOn({ objects: late });
      await expectWhole();
    });
  });

  it('is in time what a workspace keeps for some days only: documents, archives, and its trail', async () => {
    const { world, workspaceId, collectionId, ports, objects, post, inWorkspace, scope } = await stage();
    const old = await post('## Old\n\nHerons wade.');
    await post('## Young\n\nStorks wade too.');
    const again = { sourceUri: 'urn:again' };
    const renewed = await world.post(workspaceId, collectionId, '## Old\n\nEgrets.', again);
    await world.post(workspaceId, collectionId, '## Young again\n\nEgrets.', again);
    await world.drain();
    const begun = await inWorkspace(scope, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
    );
    await runExport(ports, workspaceId, begun, () => true);
    const archives = () => [...objects.bodies.keys()].filter((key) => key.includes('/exports/')).length;
    const sent: { queue: string; kind: string }[] = [];
    const services = {
      ...ports,
      queue: {
        async send(queue: string, nudges: readonly { body: unknown }[]) {
          sent.push(...nudges.map(({ body }) => ({ queue, kind: (body as { kind: string }).kind })));
          return nudges.length;
        },
        depth: async () => 0,
      },
    } as unknown as Services;
    const deleting = async () =>
      (
        await inWorkspace(scope, (db) =>
          db.query<{ id: string }>(`SELECT id FROM dbrag.documents WHERE status = 'deleting'`),
        )
      ).rows.map(({ id }) => id);
    const night = () => expireContent(services, workspaceId, () => true);
    const events = async (action: string) =>
      (
        await inWorkspace(scope, (db) =>
          db.query<{ detail: object }>('SELECT detail FROM dbrag.audit_events WHERE action = $1', [action]),
        )
      ).count;
    const age = (documentId: string, version: number) =>
      test.admin.query(
        `UPDATE dbrag.document_versions SET created_at = now() - interval '40 days' WHERE document_id = $1 AND version = $2`,
        [documentId, version],
      );
    await age(old.documentId, 1);
    await age(renewed.documentId, 1);
    // Nobody said that anything should go.
    await night();
    expect([await deleting(), archives(), sent]).toEqual([[], 1, []]);
    await inWorkspace(scope, (db) => updateWorkspace(db, workspaceId, { document_retention_days: 30 }));
    await night();
    expect(await deleting()).toEqual([old.documentId]);
    expect(sent).toEqual([{ queue: 'maintenance', kind: 'delete' }]);
    expect(await events('document.delete')).toBe(1);
    // What goes already is not begun again.
    await night();
    expect([await deleting(), sent.length, await events('document.delete')]).toEqual([[old.documentId], 1, 1]);
    const listAll = objects.list;
    const listing = (key: string, days: number) => {
      objects.list = (async (prefix: string, after?: string) =>
        key.startsWith(prefix) && after === undefined
          ? [{ key, bytes: 1, modifiedAt: new Date(Date.now() - days * 86_400_000) }]
          : []) as unknown as typeof objects.list;
    };
    // Written a day before the last of its export: it stays as long as that.
    listing([...objects.bodies.keys()].find((key) => key.includes('/exports/')) ?? '', 8);
    await night();
    expect(archives()).toBe(1);
    objects.list = listAll;
    await test.admin.query(
      `UPDATE dbrag.jobs SET result = jsonb_set(result, '{expires_at}', to_jsonb(now() - interval '1 second')) WHERE id = $1`,
      [begun],
    );
    await night();
    expect(archives()).toBe(0);
    const { rows } = await inWorkspace(scope, (db) =>
      db.query<{ archives: unknown[] }>(`SELECT result -> 'archives' AS archives FROM dbrag.jobs WHERE id = $1`, [
        begun,
      ]),
    );
    expect(rows).toEqual([{ archives: [] }]);
    // One that never came to its end: its job tells of nothing.
    const lost = `content/${publicId('workspace', workspaceId)}/exports/lost-1.zip`;
    await objects.put(lost, Buffer.from('x'));
    listing(lost, 6);
    await night();
    expect(archives()).toBe(1);
    listing(lost, 8);
    await night();
    expect(archives()).toBe(0);
    // Its trail: sealed, rooted and old.
    await sealTrail({ database: test.maintainer, roots: new LockedRoots(), clock: systemClock });
    await test.admin.query(
      `UPDATE dbrag.audit_seals SET last_at = now() - interval '20 days' WHERE workspace_id = $1`,
      [workspaceId],
    );
    await night();
    expect(await events('audit.expire')).toBe(0);
    await inWorkspace(scope, (db) => updateWorkspace(db, workspaceId, { audit_retention_days: 10 }));
    await night();
    expect([await events('audit.expire'), await events('document.delete')]).toEqual([1, 0]);
  });

  describe('of a subject that is erased while an export is written', () => {
    async function exporting() {
      const staged = await stage();
      const { workspaceId, objects, ports, converse, inWorkspace, scope } = staged;
      await converse('ada');
      const subjectId = await inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'ada'));
      const beginErasure = async () =>
        (
          await inWorkspace(scope, (db) =>
            beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'test' }),
          )
        ).jobId;
      const runErasureOf = (jobId: string) => runErasure(ports, workspaceId, jobId, () => true);
      const begin = () =>
        inWorkspace(scope, (db) =>
          beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
        );
      /** @param within done once the export has read its rows, and before it closes its archive */
      const run = (jobId: string, within: () => Promise<unknown> = async () => {}, changed: object = {}) =>
        runExport(
          {
            ...ports,
            ...changed,
            failpoint: { reach: async (name: string) => void (name === 'export.mid_zip' && (await within())) },
          },
          workspaceId,
          jobId,
          () => true,
        );
      const archives = () => [...objects.bodies.keys()].filter((key) => key.includes('/exports/'));
      const statusOf = async (jobId: string) =>
        (await test.admin.query('SELECT status FROM dbrag.jobs WHERE id = $1', [jobId])).rows[0]?.status;
      return { ...staged, subjectId, beginErasure, runErasureOf, begin, run, archives, statusOf };
    }

    it('is in no archive that is closed afterwards', async () => {
      const { beginErasure, runErasureOf, begin, run, archives, statusOf } = await exporting();
      const jobId = await begin();
      await run(jobId, async () => runErasureOf(await beginErasure()));
      expect(archives()).toEqual([]);
      expect(await statusOf(jobId)).toBe('cancelled');
    });

    it('is in none of an export that was begun after the erasure and read its rows before they went', async () => {
      const { beginErasure, runErasureOf, begin, run, archives, statusOf } = await exporting();
      const erasure = await beginErasure();
      const jobId = await begin();
      await run(jobId, () => runErasureOf(erasure));
      expect(await statusOf(erasure)).toBe('succeeded');
      expect(archives()).toEqual([]);
      expect(await statusOf(jobId)).toBe('cancelled');
    });

    it('is in none that was left behind by a run that died: its message comes again', async () => {
      const { ports, beginErasure, runErasureOf, begin, run, archives } = await exporting();
      const jobId = await begin();
      let isErased = false;
      const database: typeof ports.database = {
        ...ports.database,
        inWorkspace: async (scope, work) => {
          if (isErased && archives().length > 0) throw new Error('died');
          return ports.database.inWorkspace(scope, work);
        },
        inSnapshot: (scope, work) => ports.database.inSnapshot(scope, work),
      };
      const within = async () => {
        await runErasureOf(await beginErasure());
        isErased = true;
      };
      await expect(run(jobId, within, { database })).rejects.toThrow('died');
      expect(archives()).toHaveLength(1);
      await run(jobId);
      expect(archives()).toEqual([]);
    });

    it('does not come into an export that is begun again, by a run of before', async () => {
      const { workspaceId, objects, subjectId, inWorkspace, scope, beginErasure, runErasureOf, begin, run, archives } =
        await exporting();
      const jobId = await begin();
      let written: string[] = [];
      await run(jobId, async () => {
        await runErasureOf(await beginErasure());
        await inWorkspace(scope, (db) => retryJob(db, { export: exportJobs }, workspaceId, jobId, new Date()));
        await run(jobId);
        written = archives();
      });
      expect(written).toHaveLength(1);
      expect(archives()).toEqual(written);
      const contents = unzipSync(objects.bodies.get(written[0] ?? '') as Uint8Array);
      expect(Buffer.from(contents['tables/conversations.jsonl'] ?? []).toString()).not.toContain(subjectId);
    });
  });

  it('is found by another run where a transaction that began before the erasure ends in the middle of it', async () => {
    const { world, workspaceId, ports, post, inWorkspace, scope } = await stage();
    const { documentId } = await post('## Late\n\nHerons wade.');
    await world.drain();
    const jobId = await inWorkspace(scope, (db) =>
      beginWorkspaceErasure(db, new Date(), { workspaceId, actor: 'test', keyHash: null }),
    );
    let late = 0;
    /** A placement comes after all of them went, and keeps its version from going. */
    const query = async (db: Db, text: string, values?: readonly unknown[]) => {
      if (late === 0 && text.startsWith('DELETE FROM dbrag.document_versions')) {
        late = 1;
        await db.query(
          `INSERT INTO dbrag.placements (workspace_id, document_id, version, ordinal, collection_id, content_hash, location)
           SELECT workspace_id, document_id, version, 0, collection_id, '', '{}' FROM dbrag.document_versions WHERE document_id = $1`,
          [documentId],
        );
      }
      return db.query(text, values);
    };
    const database: typeof ports.database = {
      ...ports.database,
      inWorkspace: (where, work) =>
        ports.database.inWorkspace(where, (db) =>
          work({ query: (text, values) => query(db, text, values) as ReturnType<Db['query']> } as Db),
        ),
    };
    await runErasure({ ...ports, database }, workspaceId, jobId, () => true);
    expect(late).toBe(1);
    expect((await findErasure(test.maintainer, jobId))?.finished_at).toBe(null);
    await runErasure(ports, workspaceId, jobId, () => true);
    expect(await findErasure(test.maintainer, jobId)).toMatchObject({ certificate: { erased: { placements: 1 } } });
  });

  it('is found by another run where a worker wrote into a table behind the erasure that refers to nothing', async () => {
    const { workspaceId, collectionId, ports, inWorkspace, scope } = await stage();
    const jobId = await inWorkspace(scope, (db) =>
      beginWorkspaceErasure(db, new Date(), { workspaceId, actor: 'test', keyHash: null }),
    );
    let late = 0;
    const failpoint = {
      async reach(name: string) {
        if (name !== 'erase.before_last_row' || late > 0) return;
        late += 1;
        await test.admin.query(
          `INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, token_count)
           VALUES ($1, $2, '', 'm', $3, 'default', 1)`,
          [workspaceId, newUuid(), collectionId],
        );
      },
    };
    await runErasure({ ...ports, failpoint }, workspaceId, jobId, () => true);
    expect((await findErasure(test.maintainer, jobId))?.finished_at).toBe(null);
    await runErasure({ ...ports, failpoint }, workspaceId, jobId, () => true);
    expect(late).toBe(1);
    expect(await findErasure(test.maintainer, jobId)).toMatchObject({
      certificate: { erased: { pending_embeddings: 1 } },
    });
    expect(await test.maintainer.inWorkspace(scope, (db) => remainingRows(db, workspaceId))).toEqual({});
  });

  it('is counted until nothing is left of a subject: what was said to it, and answers that are kept', async () => {
    const { workspaceId, ports, converse, inWorkspace, scope } = await stage();
    const conversation = await converse('ada');
    const subjectId = await inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'ada'));
    const remaining = () => remainingOfSubject(test.maintainer, workspaceId, subjectId);
    const turn = { said: 'What?', answered: 'That.', queryId: newUuid() };
    await inWorkspace(scope, (db) => addTurn(db, workspaceId, conversation as never, turn));
    /** As code of before wrote it, or as it is when its conversation has ended. */
    const plant = (conversationId: string, ofSubject: string | null) => {
      const id = newUuid();
      return test.admin.query(
        `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content, subject_id)
         VALUES ($1, $2, $3, $4, 'user', 'x', $5)`,
        [workspaceId, timeOfUuid(id), id, conversationId, ofSubject],
      );
    };
    await plant(conversation.id, null);
    await plant(newUuid(), subjectId);
    await plant(newUuid(), null);
    await test.admin.query(
      `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
       VALUES ($1, 'key_1', 'k', '', 200, $2, now() + interval '1 day')`,
      [workspaceId, { conversation_id: publicId('conversation', conversation.id) }],
    );
    expect(await remaining()).toEqual({ conversations: 1, messages: 4, idempotency_keys: 1, subjects: 1 });
    const { jobId } = await inWorkspace(scope, (db) =>
      beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'test' }),
    );
    await runErasure(ports, workspaceId, jobId, () => true);
    expect(await remaining()).toEqual({});
    const job = await inWorkspace(scope, (db) => getJob(db, workspaceId, jobId));
    expect(job.result).toMatchObject({ erased: { messages: 4, idempotency_keys: 1 } });
    // Nobody's stays, and whatever came back would be seen.
    await plant(newUuid(), subjectId);
    expect(await remaining()).toEqual({ messages: 1 });
    const { rows } = await test.admin.query('SELECT FROM dbrag.messages WHERE workspace_id = $1', [workspaceId]);
    expect(rows).toHaveLength(2);
  });

  it('takes along what code of before wrote for a subject, although its conversation has expired', async () => {
    const { workspaceId, ports, converse, inWorkspace, scope } = await stage();
    const [conversation, ofAnother] = [await converse('ada'), await converse('grace')];
    const subjectId = await inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'ada'));
    for (const { id: conversationId } of [conversation, ofAnother])
      await inWorkspace(scope, (db) => {
        const id = newUuid();
        return db.query(
          `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content)
           VALUES ($1, $2, $3, $4, 'user', 'x')`,
          [workspaceId, timeOfUuid(id), id, conversationId],
        );
      });
    await test.admin.query('DELETE FROM dbrag.conversations WHERE workspace_id = $1', [workspaceId]);
    const remaining = () => remainingOfSubject(test.maintainer, workspaceId, subjectId);
    expect(await remaining()).toEqual({ messages: 1, subjects: 1 });
    const { jobId } = await inWorkspace(scope, (db) =>
      beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'test' }),
    );
    await runErasure(ports, workspaceId, jobId, () => true);
    expect(await remaining()).toEqual({});
    const { rows } = await test.admin.query('SELECT conversation_id FROM dbrag.messages WHERE workspace_id = $1', [
      workspaceId,
    ]);
    expect(rows).toEqual([{ conversation_id: ofAnother.id }]);
  });

  /** A workspace or a subject is erased in the middle of questions, posts and workers, each time at another moment. */
  async function race(seed: number): Promise<void> {
    const { world, workspaceId, ports, objects, post, converse, inWorkspace, scope } = await stage();
    const pick = (below: number) => (((seed * 2_654_435_761) >>> 0) % 1_000_003) % below;
    await post('## A\n\nHerons wade.');
    await converse('ada');
    const subjectId = await inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'ada'));
    const whole = seed % 2 === 0;
    let jobId = '';
    const begin = async () => {
      jobId = await inWorkspace(scope, async (db) =>
        whole
          ? beginWorkspaceErasure(db, new Date(), { workspaceId, actor: 'test', keyHash: null })
          : (await beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'test' })).jobId,
      );
      await runErasure(ports, workspaceId, jobId, () => pick(2) === 0);
    };
    const refused = () => {};
    const lateQuestion = () => inWorkspace(scope, (db) => keepQuestion(db, workspaceId, subjectId)).catch(refused);
    const others = [
      () => post('## B\n\nStorks wade too.').catch(refused),
      () => world.drain().catch(refused),
      () => converse('ada').catch(refused),
      lateQuestion,
      () => runErasure(ports, workspaceId, jobId || newUuid(), () => true).catch(refused),
    ];
    const going: Promise<unknown>[] = [];
    const at = pick(others.length + 1);
    for (const [i, other] of others.entries()) {
      if (i === at) going.push(begin());
      going.push(other());
    }
    if (jobId === '' && at === others.length) going.push(begin());
    await Promise.all(going);
    for (let run = 0; run < 30; run++) await runErasure(ports, workspaceId, jobId, () => true);
    await lateQuestion();
    await world.drain().catch(refused);
    if (whole) {
      const left = await test.maintainer.inWorkspace(scope, (db) => remainingRows(db, workspaceId));
      expect(left, `seed ${seed}`).toEqual({});
      expect(await findErasure(test.maintainer, jobId), `seed ${seed}`).toMatchObject({
        erased_workspace: workspaceId,
      });
      await runErasure(ports, workspaceId, jobId, () => true);
      const own = [...objects.bodies.keys()].filter((key) => key.includes(workspaceId.replaceAll('-', '')));
      expect(own, `seed ${seed}`).toEqual([]);
    } else {
      expect(await remainingOfSubject(test.maintainer, workspaceId, subjectId), `seed ${seed}`).toEqual({});
    }
  }

  it(
    `does not come back, whatever is under way (seed ${firstSeed})`,
    async () => {
      for (let i = 0; i < races; i++) await race(firstSeed + i);
    },
    Math.max(120_000, races * 10_000),
  );
});

/** What is kept of an answer, by whoever began it before the erasure. */
async function keepQuestion(
  db: Parameters<typeof subjectIdOf>[0],
  workspaceId: string,
  subjectId: string,
): Promise<void> {
  const { holdSubject } = await import('../../shared/access/subjects.ts');
  if (!(await holdSubject(db, workspaceId, subjectId))) return;
  const id = newUuid();
  await db.query(
    `INSERT INTO dbrag.queries (workspace_id, created_at, id, actor, subject_id, question, reasoning, route, answered, model, provider,
       embedding_cache, timing, total_ms, trace)
     VALUES ($1, $2, $3, 'key_1', $4, 'q', 'direct', 'documents', false, 'm', 'p', 'off', '{}', 1, '{}')`,
    [workspaceId, timeOfUuid(id), id, subjectId],
  );
}
