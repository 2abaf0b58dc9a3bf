import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newUuid } from '../../shared/core/ids.ts';
import { listMutations } from '../isolation/mutations.ts';
import { probes } from '../isolation/probes.ts';
import { randomRun, tryMutations } from '../isolation/run.ts';
import { type IsolationWorld, seedWorld } from '../isolation/seed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';

/** Each row of the table of pitfalls: what would leak, and that it does not. */
describe('row security', () => {
  let database: TestDatabase;
  let own: { id: string; keyHash: Buffer };
  let foreign: { id: string; keyHash: Buffer };
  let ownCollection: string;
  let secondCollection: string;
  let foreignCollection: string;
  let foreignDocument: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    own = await createWorkspace(database.application, 'own');
    foreign = await createWorkspace(database.application, 'foreign');
    ownCollection = await createCollection(database.application, own.id);
    secondCollection = await createCollection(database.application, own.id, 'second');
    foreignCollection = await createCollection(database.application, foreign.id);
    foreignDocument = await createDocument(database.application, foreign.id, foreignCollection, {
      chunks: [{ text: 'secret' }],
    });
    await createDocument(database.application, own.id, ownCollection, { chunks: [{ text: 'ours' }] });
    await createDocument(database.application, own.id, secondCollection, { chunks: [{ text: 'ours too' }] });
  }, 60_000);
  afterAll(() => database?.close());

  const asOwn = <Row>(text: string, values: readonly unknown[] = [], collectionIds: readonly string[] | null = null) =>
    database.application.inWorkspace({ workspaceId: own.id, collectionIds }, (db) => db.query<Row>(text, values));

  const raw = async <T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };

  const tables = ['chunks', 'placements', 'documents', 'document_versions', 'collections', 'api_keys'] as const;

  it.each(tables)('shows the own rows of %s and no others', async (table) => {
    const { rows } = await asOwn<{ workspace_id: string }>(`SELECT workspace_id FROM dbrag.${table}`);
    expect(new Set(rows.map((row) => row.workspace_id))).toEqual(new Set([own.id]));
    expect((await asOwn('SELECT FROM dbrag.workspaces')).count).toBe(1);
  });

  it('shows the owner nothing without a workspace, since it is forced', async () => {
    await raw(database.maintainerUrl, async (client) => {
      await client.query('SET ROLE dbrag_owner');
      expect((await client.query('SELECT FROM dbrag.chunks')).rowCount).toBe(0);
      expect((await client.query(`UPDATE dbrag.documents SET name = 'changed'`)).rowCount).toBe(0);
    });
    const walked = await database.maintainer.inWorkspace({ workspaceId: own.id }, (db) =>
      db.query('SELECT FROM dbrag.chunks'),
    );
    expect(walked.count).toBe(2);
  });

  it('shows a superuser everything: which is why no function connects as one', async () => {
    expect((await database.admin.query('SELECT FROM dbrag.chunks')).rowCount).toBe(3);
  });

  it('shows nothing where no workspace was ever set, and nothing, not an error, after one has ended', async () => {
    await raw(database.applicationUrl, async (client) => {
      expect((await client.query('SELECT FROM dbrag.chunks')).rowCount).toBe(0);
      await client.query('BEGIN');
      await client.query('SELECT dbrag.begin_workspace($1)', [own.id]);
      expect((await client.query('SELECT FROM dbrag.chunks')).rowCount).toBe(2);
      await client.query('COMMIT');
      expect((await client.query('SELECT FROM dbrag.chunks')).rowCount).toBe(0);
    });
  });

  it('does not carry a workspace to the next request on the same connection', async () => {
    for (let index = 0; index < 20; index++) {
      const workspaceId = index % 2 ? own.id : foreign.id;
      const seen = await database.application.inWorkspace({ workspaceId }, (db) =>
        db.query<{ workspace_id: string }>('SELECT DISTINCT workspace_id FROM dbrag.chunks'),
      );
      expect(seen.rows).toEqual([{ workspace_id: workspaceId }]);
      const without = await database.application.inSystem((db) => db.query('SELECT FROM dbrag.chunks'));
      expect(without.count).toBe(0);
    }
  });

  it('refuses a garbage workspace', async () => {
    await expect(
      database.application.inWorkspace({ workspaceId: `${own.id}'); --` }, (db) => db.query('SELECT 1')),
    ).rejects.toThrow('not a UUID');
    await raw(database.applicationUrl, async (client) => {
      await client.query(`SELECT set_config('dbrag.workspace_id', 'garbage', false)`);
      await expect(client.query('SELECT FROM dbrag.chunks')).rejects.toMatchObject({ code: '22P02' });
    });
  });

  it('a key that another workspace has is free here: no oracle of existence', async () => {
    await asOwn(`INSERT INTO dbrag.collections (workspace_id, id, name, chunking) VALUES ($1, $2, 'same id', '{}')`, [
      own.id,
      foreignCollection,
    ]);
    await asOwn('DELETE FROM dbrag.collections WHERE id = $1', [foreignCollection]);
  });

  it('refuses a reference to another workspace’s row', async () => {
    const document = (collectionId: string) =>
      asOwn(
        `INSERT INTO dbrag.documents (workspace_id, id, collection_id, name, status) VALUES ($1, $2, $3, 'x', 'ready')`,
        [own.id, newUuid(), collectionId],
      );
    await expect(document(foreignCollection)).rejects.toMatchObject({ code: '23503' });
    await expect(
      asOwn(
        `INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, text, search)
         VALUES ($1, $2, '\\x00', $3, 1, 'x', '')`,
        [own.id, foreignDocument, ownCollection],
      ),
    ).rejects.toMatchObject({ code: '23503' });
  });

  it('refuses to write into another workspace, and changes nothing there', async () => {
    await expect(
      asOwn(`INSERT INTO dbrag.collections (workspace_id, id, name, chunking) VALUES ($1, $2, 'x', '{}')`, [
        foreign.id,
        newUuid(),
      ]),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(asOwn('UPDATE dbrag.collections SET workspace_id = $1', [foreign.id])).rejects.toMatchObject({
      code: '42501',
    });
    expect((await asOwn('DELETE FROM dbrag.placements WHERE workspace_id = $1', [foreign.id])).count).toBe(0);
    expect((await asOwn(`UPDATE dbrag.documents SET name = 'x' WHERE id = $1`, [foreignDocument])).count).toBe(0);
  });

  it('lets the application role neither truncate nor switch row security off, nor reach a partition', async () => {
    await expect(asOwn('TRUNCATE dbrag.chunks')).rejects.toMatchObject({ code: '42501' });
    await expect(asOwn('SELECT * FROM dbrag.chunks_00')).rejects.toMatchObject({ code: '42501' });
    await expect(asOwn('CREATE TABLE dbrag.mine ()')).rejects.toMatchObject({ code: '42501' });
    await raw(database.applicationUrl, async (client) => {
      await client.query('SET row_security = off');
      await expect(client.query('SELECT FROM dbrag.chunks')).rejects.toMatchObject({ code: '42501' });
    });
  });

  it('shows a view’s reader only what the reader may see, when it is a security_invoker view', async () => {
    await database.admin.query(`CREATE VIEW dbrag.leaking AS SELECT workspace_id FROM dbrag.chunks;
      CREATE VIEW dbrag.safe WITH (security_invoker = true) AS SELECT workspace_id FROM dbrag.chunks;
      GRANT SELECT ON dbrag.leaking, dbrag.safe TO dbrag_app`);
    // A superuser's view leaks: this is what the catalog test forbids.
    expect((await asOwn('SELECT FROM dbrag.leaking')).count).toBe(3);
    expect((await asOwn('SELECT FROM dbrag.safe')).count).toBe(2);
    await database.admin.query('DROP VIEW dbrag.leaking, dbrag.safe');
  });

  it('keeps the audit trail: the application role may add and read, not change', async () => {
    await asOwn(
      `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, access_type, outcome)
       VALUES ($1, 'key', 'collection.create', 'collection', 'write', 'success')`,
      [own.id],
    );
    expect((await asOwn('SELECT FROM dbrag.audit_events')).count).toBe(1);
    await expect(asOwn(`UPDATE dbrag.audit_events SET actor = 'nobody'`)).rejects.toMatchObject({ code: '42501' });
    await expect(asOwn('DELETE FROM dbrag.audit_events')).rejects.toMatchObject({ code: '42501' });
    await expect(asOwn('DELETE FROM dbrag.usage_events')).rejects.toMatchObject({ code: '42501' });
  });

  describe('narrowed to collections', () => {
    it.each(['documents', 'document_versions', 'chunks', 'placements'])(
      'shows only their rows of %s',
      async (table) => {
        const { rows } = await asOwn<{ collection_id: string }>(
          `SELECT DISTINCT collection_id FROM dbrag.${table}`,
          [],
          [secondCollection],
        );
        expect(rows).toEqual([{ collection_id: secondCollection }]);
        expect((await asOwn(`SELECT FROM dbrag.${table}`, [], [])).count).toBe(0);
      },
    );

    it('shows and changes no other collection', async () => {
      const { rows } = await asOwn<{ id: string }>('SELECT id FROM dbrag.collections', [], [secondCollection]);
      expect(rows).toEqual([{ id: secondCollection }]);
      expect(
        (await asOwn(`UPDATE dbrag.collections SET name = 'x' WHERE id = $1`, [ownCollection], [secondCollection]))
          .count,
      ).toBe(0);
      await expect(
        asOwn(
          `INSERT INTO dbrag.documents (workspace_id, id, collection_id, name, status) VALUES ($1, $2, $3, 'x', 'ready')`,
          [own.id, newUuid(), ownCollection],
          [secondCollection],
        ),
      ).rejects.toMatchObject({ code: '42501' });
    });

    it('cannot be widened to another workspace', async () => {
      expect((await asOwn('SELECT FROM dbrag.documents', [], [foreignCollection])).count).toBe(0);
    });
  });

  describe('the functions across workspaces', () => {
    const inSystem = <Row>(text: string, values: readonly unknown[] = []) =>
      database.application.inSystem((db) => db.query<Row>(text, values));

    it('find a key by its hash, and no expired one', async () => {
      const find = async () =>
        (await inSystem<{ workspace_id: string }>('SELECT * FROM dbrag.find_api_key($1)', [own.keyHash])).rows;
      expect(await find()).toMatchObject([{ workspace_id: own.id, role: 'owner', collection_ids: null }]);
      await asOwn(`UPDATE dbrag.api_keys SET expires_at = now() - interval '1 second'`);
      expect(await find()).toEqual([]);
      await asOwn('UPDATE dbrag.api_keys SET expires_at = NULL');
      expect((await inSystem('SELECT * FROM dbrag.find_api_key($1)', [Buffer.alloc(32)])).rows).toEqual([]);
    });

    it('list workspaces newest first, page by page', async () => {
      const page = async (after: string | null) =>
        (await inSystem<{ id: string }>('SELECT id FROM dbrag.list_workspaces($1, 1)', [after])).rows.map(
          (row) => row.id,
        );
      const newest = own.id > foreign.id ? [own.id, foreign.id] : [foreign.id, own.id];
      expect(await page(null)).toEqual([newest[0]]);
      expect(await page(newest[0] as string)).toEqual([newest[1]]);
      expect(await page(newest[1] as string)).toEqual([]);
    });

    it.each([
      ['uploads/WS/COL/a/b.txt', true],
      ['uploads/ws_WS/col_COL/ü b.txt', true],
      ['uploads/WS/COL/', false],
      ['uploads/WS/FOREIGN/a.txt', false],
      ['uploads/WS/a.txt', false],
      ['content/WS/COL/a.txt', false],
      ['uploads/../COL/a', false],
      ['', false],
    ])('know whose the key %s is', async (pattern, known) => {
      const bare = (id: string) => id.replaceAll('-', '');
      const key = pattern
        .replace('WS', bare(own.id))
        .replace('COL', bare(ownCollection))
        .replace('FOREIGN', bare(foreignCollection));
      const { rows } = await inSystem('SELECT * FROM dbrag.workspace_of_key($1)', [key]);
      expect(rows).toEqual(known ? [{ workspace_id: own.id, collection_id: ownCollection }] : []);
    });

    it('find the workspaces of a person', async () => {
      await asOwn(
        `INSERT INTO dbrag.members (workspace_id, issuer, subject, role) VALUES ($1, 'https://issuer', 'person', 'reader')`,
        [own.id],
      );
      const find = async (subject: string) =>
        (await inSystem('SELECT * FROM dbrag.find_memberships($1, $2)', ['https://issuer', subject])).rows;
      expect(await find('person')).toEqual([
        { workspace_id: own.id, role: 'reader', collection_ids: null, connection_ids: null },
      ]);
      expect(await find('stranger')).toEqual([]);
    });

    it('show unfinished work of all workspaces, what wants a look soonest first', async () => {
      const first = await createDocument(database.application, own.id, ownCollection, { processing: true, chunks: [] });
      const second = await createDocument(database.application, foreign.id, foreignCollection, {
        processing: true,
        chunks: [],
      });
      await asOwn('UPDATE dbrag.document_versions SET nudged_at = now(), nudges = 1 WHERE document_id = $1', [first]);
      const { rows } = await inSystem<{ document_id: string; nudges: number; workspace_id: string }>(
        `SELECT * FROM dbrag.unfinished_work(10)`,
      );
      expect(rows.map((row) => [row.workspace_id, row.document_id, row.nudges])).toEqual([
        [foreign.id, second, 0],
        [own.id, first, 1],
      ]);
    });

    it('show lost work behind any number of uploads that never come and of rows that wait', async () => {
      const lost = await createDocument(database.application, own.id, ownCollection, { processing: true, chunks: [] });
      for (const change of [`status = 'awaiting_upload'`, `waiting_until = now() + interval '1 hour'`]) {
        for (let i = 0; i < 3; i++) {
          const id = await createDocument(database.application, own.id, ownCollection, {
            processing: true,
            chunks: [],
          });
          await asOwn(
            `UPDATE dbrag.document_versions SET ${change}, created_at = now() - interval '2 hours', deadline_at = now() + interval '3 hours'
             WHERE document_id = $1`,
            [id],
          );
        }
      }
      const low = await createDocument(database.application, own.id, ownCollection, { processing: true, chunks: [] });
      await asOwn(
        `UPDATE dbrag.document_versions SET priority = 'low', created_at = now() - interval '2 hours' WHERE document_id = $1`,
        [low],
      );
      const { rows } = await inSystem<{ document_id: string }>('SELECT * FROM dbrag.unfinished_work(3)');
      const seen = rows.map((row) => row.document_id);
      expect(seen).toContain(lost);
      expect(seen.at(-1)).toBe(low);
    });

    it('find unfinished work by an index', async () => {
      await database.admin.query('SET enable_seqscan = off; SET enable_sort = off');
      const { rows } = await database.admin.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN SELECT FROM dbrag.document_versions u
         WHERE u.status IN ('awaiting_upload', 'queued', 'processing') AND u.priority = 'low'
         ORDER BY dbrag.next_look(u.status, u.waiting_until, u.nudged_at, u.nudges, u.created_at, u.deadline_at) LIMIT 5`,
      );
      await database.admin.query('RESET enable_seqscan; RESET enable_sort');
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toContain('document_versions_unfinished');
      expect(plan).not.toContain('Sort');
    });

    it('make ids that sort by time, as the application does', async () => {
      const { rows } = await inSystem<{ id: string }>('SELECT dbrag.new_uuid() AS id FROM generate_series(1, 50)');
      for (const { id } of rows) {
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Math.abs(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(60_000);
      }
      expect(new Set(rows.map((row) => row.id)).size).toBe(50);
    });

    it('refuse an unfinished row without a deadline', async () => {
      await expect(
        asOwn(`INSERT INTO dbrag.jobs (workspace_id, id, type) VALUES ($1, $2, 'delete')`, [own.id, newUuid()]),
      ).rejects.toMatchObject({ code: '23514' });
    });
  });

  /** `npm run test:isolation` in short. Last, since it takes off what keeps made-up rows out of the tables. */
  describe('tried at random', () => {
    let world: IsolationWorld;
    beforeAll(async () => {
      world = await seedWorld(database, 3);
    }, 60_000);

    it('shows nobody a row of somebody else, and everybody their own', async () => {
      expect(await randomRun(world, 200, 1)).toEqual([]);
      expect(await Array.fromAsync(probes(world))).toEqual([]);
    }, 60_000);

    it('is missed where a lock of any kind is taken off', async () => {
      const kinds = [
        'begin_workspace: for the session',
        'begin_workspace: narrows to no collections',
        'collections: without the policy workspace_isolation',
        'jobs: without the policy job_narrowing',
        'usage_events: without the policy usage_narrowing',
        'documents: not forced',
        'documents: row security disabled',
      ];
      const mutations = (await listMutations(database.admin)).filter(({ name }) => kinds.includes(name));
      expect(mutations).toHaveLength(kinds.length);
      for await (const { name, complaint, byCatalog } of tryMutations(world, mutations))
        expect([name, complaint !== undefined && !byCatalog]).toEqual([name, true]);
      expect(await Array.fromAsync(probes(world))).toEqual([]);
    }, 60_000);
  });
});
