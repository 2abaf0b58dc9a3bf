import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../shared/core/database.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { type CopyReport, compareCopy } from '../../shared/ingestion/compare-copy.ts';
import { type ComparedCounts, type CountsPlace, compareCounts } from '../../shared/ingestion/compare-counts.ts';
import { unsureMilliseconds } from '../../shared/ingestion/compare-documents.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';

const dimensions = 8;
const vector = (at: number) => Float32Array.from({ length: dimensions }, (_, each) => (each === at ? 1 : 0));

// A copy is a database of its own on the same server, which the embedded one does not have.
describe.skipIf(!process.env.LOCAL_DATABASE_URL)('the comparison of a copy', () => {
  let test: TestDatabase;
  let copyName: string;
  let copy: Database & { close(): Promise<void> };
  let copyAdmin: Awaited<ReturnType<typeof openAdmin>>;
  let workspaceId: string;
  let documents: string[];
  let moment: Date;
  let copies = 0;

  beforeAll(async () => {
    test = await createTestDatabase({ dimensions, partitions: 2 });
    for (const name of ['one', 'two']) {
      workspaceId = (await createWorkspace(test.application, name)).id;
      const collectionId = await createCollection(test.application, workspaceId);
      documents = [];
      for (let part = 0; part < 25; part++) {
        const chunks = [0, 1, 2].map((at) => ({ text: `Text ${at} of ${name} ${part}.`, vector: vector(at) }));
        documents.push(await createDocument(test.application, workspaceId, collectionId, { name: `${part}`, chunks }));
      }
    }
    // Old enough for its rows to have to be in the copy.
    moment = new Date(Date.now() + unsureMilliseconds + 60_000);
  });
  afterAll(() => test?.close());

  beforeEach(async () => {
    copyName = `${new URL(test.adminUrl).pathname.slice(1)}_${++copies}`;
    while (
      (
        await test.admin.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        )
      ).rowCount
    )
      await delay(20);
    await test.admin.query(`CREATE DATABASE ${copyName} TEMPLATE ${new URL(test.adminUrl).pathname.slice(1)}`);
    copy = openTestDatabase(urlOf(test.maintainerUrl), { max: 2 });
    copyAdmin = await openAdmin();
  });
  afterEach(async () => {
    await Promise.all([copy.close(), copyAdmin.end()]);
    await test.admin.query(`DROP DATABASE ${copyName} WITH (FORCE)`);
  });

  const urlOf = (url: string) => Object.assign(new URL(url), { pathname: `/${copyName}` }).href;
  async function openAdmin() {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: urlOf(test.adminUrl) });
    await client.connect();
    return client;
  }
  const compare = (hasTime = () => true, place: CopyReport['next'] = null, from: Database = copy) =>
    compareCopy({ source: test.maintainer, copy: from, moment }, place, hasTime);
  /** Past triggers and keys, as a fault of the disk would be. */
  const spoil = (sql: string) => copyAdmin.query(`BEGIN; SET LOCAL session_replication_role = replica; ${sql}; COMMIT`);

  it('finds a faithful copy alike, in all of its rows', async () => {
    const report = await compare();
    expect(report).toMatchObject({
      workspaces: 2,
      documents: { same: 50, changed: 0, deleted: 0 },
      faults: [],
      next: null,
    });
    expect(report.tables['dbrag.chunks, compared']).toEqual({ source: 150, copy: 150 });
    expect(report.tables['dbrag.embeddings']).toEqual({ source: 150, copy: 150 });
    expect(report.tables['dbrag.documents']).toEqual({ source: 50, copy: 50 });
    expect(report.tables['dbrag.api_keys']).toEqual({ source: 2, copy: 2 });
  });

  it('goes on where it stopped, and comes to the same', async () => {
    let [documentsSeen, workspaces, calls] = [0, 0, 0];
    let place: CopyReport['next'] = null;
    const tables: Record<string, { source: number; copy: number }> = {};
    const parts = new Set<string | undefined>();
    do {
      const report: CopyReport = await compare(() => false, place);
      expect(report.faults).toEqual([]);
      documentsSeen += report.documents.same;
      workspaces += report.workspaces;
      for (const [name, { source, copy }] of Object.entries(report.tables)) {
        const sum = tables[name] ?? { source: 0, copy: 0 };
        tables[name] = { source: sum.source + source, copy: sum.copy + copy };
      }
      place = JSON.parse(JSON.stringify(report.next));
      parts.add(place?.rest?.of);
      calls += 1;
    } while (place !== null);
    expect([documentsSeen, workspaces]).toEqual([50, 2]);
    expect(tables).toEqual((await compare()).tables);
    expect([...parts]).toEqual(expect.arrayContaining(['documents', 'counts', 'integrity', 'trail']));
    expect(calls).toBeGreaterThan(20);
  });

  it('counts slice by slice, and comes to what one statement counts', async () => {
    await spoil(`DELETE FROM dbrag.chunks WHERE document_id = '${documents[3]}' AND text LIKE 'Text 1%'`);
    const ports = { source: test.maintainer, copy, moment };
    const counts = [];
    let [place, calls]: [CountsPlace | null, number] = [null, 0];
    do {
      const found: ComparedCounts = await compareCounts(ports, workspaceId, {
        place,
        hasTime: () => false,
        rowsAtOnce: 7,
      });
      counts.push(...found.counts);
      place = JSON.parse(JSON.stringify(found.next));
      calls += 1;
    } while (place !== null);
    // Of the 75 texts alone, eleven slices.
    expect(calls).toBeGreaterThan(counts.length + 10);
    expect(counts).toEqual((await compareCounts(ports, workspaceId, { place: null, hasTime: () => true })).counts);
    expect(counts.find(({ table }) => table === 'dbrag.chunks')).toEqual({
      table: 'dbrag.chunks',
      source: 75,
      copy: 74,
      // Texts do not say when they were made.
      lost: false,
    });
  });

  it('misses no event that was written since of what was done before', async () => {
    await test.admin.query(
      `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, access_type, outcome, at, recorded_at)
       VALUES ($1, 'key_1', 'document.read', 'document', 'data_access', 'success', $2, $3)`,
      [workspaceId, new Date(moment.getTime() - unsureMilliseconds - 1), new Date(moment.getTime() + 1_000)],
    );
    expect((await compare()).faults).toEqual([]);
  });

  it.each([
    [
      'a text',
      () => `UPDATE dbrag.chunks SET text = text || '!' WHERE document_id = '${documents[3]}' AND text LIKE 'Text 1%'`,
    ],
    [
      'a vector',
      () =>
        `UPDATE dbrag.embeddings SET embedding = '${JSON.stringify([...vector(7)])}' WHERE document_id = '${documents[3]}'`,
    ],
    [
      'a place',
      () =>
        `UPDATE dbrag.placements SET location = '{"start": 7}' WHERE document_id = '${documents[3]}' AND ordinal = 1`,
    ],
    ['a name', () => `UPDATE dbrag.documents SET name = 'another' WHERE id = '${documents[3]}'`],
    [
      'a version',
      () =>
        `UPDATE dbrag.documents SET version = version + 1, updated_at = updated_at - interval '1 day' WHERE id = '${documents[3]}'`,
    ],
    [
      'the number of vectors',
      () => `DELETE FROM dbrag.embeddings WHERE document_id = '${documents[3]}' AND content_hash = (
        SELECT content_hash FROM dbrag.embeddings WHERE document_id = '${documents[3]}' LIMIT 1)`,
    ],
    ['a whole document', () => `DELETE FROM dbrag.documents WHERE id = '${documents[3]}'`],
  ])('tells that %s is another in the copy', async (_, sql) => {
    await spoil(sql());
    const { faults } = await compare();
    expect(faults).toContain(`document ${documents[3]} of workspace ${workspaceId} is another, or missing`);
  });

  it('tells of rows that the copy lacks, in any table', async () => {
    await spoil(`DELETE FROM dbrag.api_keys WHERE workspace_id = '${workspaceId}'`);
    expect((await compare()).faults).toEqual([`1 rows of dbrag.api_keys of workspace ${workspaceId} are missing`]);
  });

  it('tells of the one document whose integrity takes too long, though no call has time for more than a page', async () => {
    const slow = documents[3] ?? '';
    const inWorkspace: Database['inWorkspace'] = (scope, work) =>
      copy.inWorkspace(scope, (db) => {
        const query = (text: string, values: readonly unknown[] = []) => {
          const [workspace, from, upTo] = values as string[];
          if (workspace !== workspaceId) return db.query(text, values);
          if (text.includes('I1 ') && from !== undefined && upTo !== undefined && from < slow && slow <= upTo)
            throw new DbragError('timeout', 'The database did not answer in time.', { retryable: true });
          return db.query(text, values);
        };
        return work(Object.assign(Object.create(db), { query }));
      });
    const slowly = Object.assign(Object.create(copy), { inWorkspace }) as Database;
    const faults: string[] = [];
    let [calls, workspaces] = [0, 0];
    let place: CopyReport['next'] = null;
    do {
      const report: CopyReport = await compare(() => false, place, slowly);
      faults.push(...report.faults);
      workspaces += report.workspaces;
      place = report.next;
    } while (place !== null && ++calls < 100);
    expect(faults).toEqual([`document ${slow} of workspace ${workspaceId} was not looked at: it alone takes too long`]);
    expect([place, workspaces]).toEqual([null, 2]);
  });

  it('tells of a trail that does not agree', async () => {
    await spoil(`UPDATE dbrag.audit_chains SET checkpoint_number = 5 WHERE workspace_id = '${workspaceId}'`);
    expect((await compare()).faults.join()).toContain('audit trail');
  });

  it('takes vectors that moved to another model since for no fault', async () => {
    await spoil(`UPDATE dbrag.embeddings SET model = 'former' WHERE document_id = '${documents[3]}'`);
    expect(await compare()).toMatchObject({ faults: [], documents: { same: 49, changed: 1, deleted: 0 } });
  });

  const vanish = (document: string) =>
    test.admin.query(
      `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM dbrag.documents WHERE id = '${document}'; COMMIT`,
    );

  it('takes nothing for a fault that was done in the source since', async () => {
    const [first, second, third] = documents as [string, string, string];
    await test.admin.query(
      `BEGIN; UPDATE dbrag.documents SET name = 'later', updated_at = now() + interval '1 hour' WHERE id = '${first}'; COMMIT`,
    );
    for (const [document, column] of [
      [second, 'document_id'],
      [third, 'collection_id'],
    ] as const)
      await test.admin.query(
        `INSERT INTO dbrag.jobs (workspace_id, id, type, status, created_at, ${column})
         SELECT workspace_id, dbrag.new_uuid(), 'delete', 'succeeded', now() + interval '1 hour', ${column === 'document_id' ? 'id' : column}
         FROM dbrag.documents WHERE id = $1`,
        [document],
      );
    await Promise.all([vanish(second), vanish(third)]);
    const { faults, documents: counted } = await compare();
    await test.admin.query(`DELETE FROM dbrag.jobs WHERE type = 'delete' AND collection_id IS NOT NULL`);
    expect(faults).toEqual([]);
    expect(counted).toEqual({ same: 47, changed: 1, deleted: 2 });
  });

  it('names a document that only the copy has, where the source does not say that it was deleted', async () => {
    await vanish(documents[5] ?? '');
    const report = await compare();
    expect(report.faults.filter((fault) => fault.includes('only in the copy'))).toEqual([
      `document ${documents[5]} of workspace ${workspaceId} is only in the copy, and nothing says that it was deleted`,
    ]);
    expect(report.documents.deleted).toBe(0);
  });

  describe('of a workspace that is erased meanwhile', () => {
    /** Walked from the last to the first, before all others. */
    const leaving: string[] = [];
    const documentsOfEach = 45;
    beforeAll(async () => {
      for (const name of ['three', 'four', 'five', 'six']) {
        const { id } = await createWorkspace(test.application, name);
        const collectionId = await createCollection(test.application, id);
        for (let part = 0; part < documentsOfEach; part++)
          await createDocument(test.application, id, collectionId, {
            name: `${part}`,
            chunks: [{ text: `Text of ${name} ${part}.`, vector: vector(0) }],
          });
        leaving.push(id);
      }
      moment = new Date(Date.now() + unsureMilliseconds + 60_000);
    });

    /** As its erasure does it: texts leave before their documents, and the workspace last. */
    async function erase(id: string, ...tables: readonly string[]) {
      const rows = tables.map((table) => `DELETE FROM dbrag.${table} WHERE workspace_id = '${id}';`).join('');
      await test.admin.query(
        `BEGIN; SET LOCAL session_replication_role = replica; UPDATE dbrag.workspaces SET status = 'deleting' WHERE id = '${id}'; ${rows} COMMIT`,
      );
    }
    async function eraseWholly(id: string) {
      await erase(id, 'embeddings', 'placements', 'chunks', 'document_versions', 'documents', 'collections', 'jobs');
      await test.admin.query(
        `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM dbrag.workspaces WHERE id = '${id}'; COMMIT`,
      );
    }
    const faultsOf = (report: CopyReport, id: string) => report.faults.filter((fault) => fault.includes(id));

    it('goes on with the next, where a call before ended in it', async () => {
      const id = leaving.pop() as string;
      const { next } = await compare(() => false);
      expect(next).toMatchObject({ workspaceId: id, rest: { of: 'documents' } });
      await eraseWholly(id);
      const report = await compare(() => true, next);
      expect(faultsOf(report, id)).toEqual([]);
      expect(report).toMatchObject({ workspaces: 5, next: null });
    });

    it.each([
      ['it is under way, which takes parts of documents first', () => ['embeddings', 'placements']],
      ['it has come to some documents', () => ['embeddings', 'placements', 'chunks', 'document_versions', 'documents']],
    ])('counts its documents as deleted, where %s', async (_, tables) => {
      const id = leaving.pop() as string;
      await erase(id, ...tables());
      const report = await compare();
      expect(faultsOf(report, id)).toEqual([]);
      expect(report.documents.deleted % documentsOfEach).toBe(0);
      expect(report.documents.deleted).toBeGreaterThanOrEqual(documentsOfEach);
    });

    it('counts them as deleted where the erasure begins while they are read', async () => {
      const id = leaving.pop() as string;
      let isBegun = false;
      const inWorkspace: Database['inWorkspace'] = (scope, work) =>
        test.maintainer.inWorkspace(scope, (db) => {
          const query = async (text: string, values: readonly unknown[] = []) => {
            if (!isBegun && scope.workspaceId === id && text.includes('md5(')) {
              isBegun = true;
              await erase(id, 'embeddings', 'placements', 'chunks', 'document_versions', 'documents');
            }
            return db.query(text, values);
          };
          return work(Object.assign(Object.create(db), { query }));
        });
      const source = Object.assign(Object.create(test.maintainer), { inWorkspace }) as Database;
      const report = await compareCopy({ source, copy, moment }, null, () => true);
      expect([isBegun, faultsOf(report, id)]).toEqual([true, []]);
      expect(report.documents.deleted).toBeGreaterThanOrEqual(documentsOfEach);
    });
  });
});
