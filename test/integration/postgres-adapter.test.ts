import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresDatabase, PostgresSettings } from '../../shared/adapters/postgres/database.ts';
import { type Db, Halfvec, HalfvecArray } from '../../shared/core/database.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { connectionOf, createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';

describe('the Postgres adapter', () => {
  let database: TestDatabase;
  let workspaceId: string;
  const opened: PostgresDatabase[] = [];
  const sockets: { close(): void }[] = [];

  beforeAll(async () => {
    database = await createTestDatabase({ dimensions: 4 });
    ({ id: workspaceId } = await createWorkspace(database.application));
  }, 60_000);
  afterEach(async () => {
    for (const each of sockets.splice(0)) each.close();
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });
  afterAll(() => database?.close());

  const open = (settings: Partial<PostgresSettings> = {}, url = database.applicationUrl) => {
    const adapter = openTestDatabase(url, settings);
    opened.push(adapter);
    return adapter;
  };
  const inWorkspace = <T>(work: (db: Db) => Promise<T>, adapter: PostgresDatabase = database.application) =>
    adapter.inWorkspace({ workspaceId }, work);
  const listen = async (onConnection: (socket: Socket) => void): Promise<string> => {
    const server: Server = createServer(onConnection);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    sockets.push(server);
    const url = new URL(database.applicationUrl);
    url.port = String((server.address() as AddressInfo).port);
    return url.href;
  };
  /** A wire to the server that a test can cut or freeze. */
  const proxied = async () => {
    const target = new URL(database.applicationUrl);
    const state = {
      connections: 0,
      frozen: false,
      wires: new Set<Socket>(),
      cut: () => state.wires.forEach((wire) => void wire.destroy()),
    };
    const url = await listen((socket) => {
      state.connections++;
      const upstream = connect(Number(target.port), target.hostname);
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        state.wires.add(from);
        from.on('data', (data) => state.frozen || to.write(data));
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
    return { url, state };
  };

  it('gives rows and counts, numbers for bigint, days for date, and JSON both ways', async () => {
    const result = await inWorkspace((db) =>
      db.query<Record<string, unknown>>(
        `SELECT $1::jsonb AS json, $2::text[] AS list, 9007199254740991::bigint AS big, date '2026-11-20' AS day, $3::timestamptz AS at,
           NULL AS nothing, $4::bytea[] AS hashes, $5::boolean AS yes`,
        [{ a: [1, 'ü'] }, ['x', 'y,"z'], new Date(1e12), [Buffer.from('ab')], true],
      ),
    );
    expect(result).toEqual({
      count: 1,
      rows: [
        {
          json: { a: [1, 'ü'] },
          list: ['x', 'y,"z'],
          big: 9007199254740991,
          day: '2026-11-20',
          at: new Date(1e12),
          nothing: null,
          hashes: [Buffer.from('ab')],
          yes: true,
        },
      ],
    });
    await expect(inWorkspace((db) => db.query('SELECT 9007199254740993::bigint'))).rejects.toThrow(RangeError);
  });

  it('sends vectors in binary, and only finite ones', async () => {
    const vectors = [new Float32Array([1, -0.5, 0.25, 65504]), new Float32Array([0, 1e-7, -2, 3])];
    const { rows } = await inWorkspace((db) =>
      db.query<{ all: string; one: string; distance: number; none: number }>(
        `SELECT array_to_string($1::halfvec[], ';') AS all, $2::halfvec::text AS one, $2::halfvec <-> $2::halfvec AS distance,
           cardinality($3::halfvec[]) AS none`,
        [new HalfvecArray(vectors), new Halfvec(vectors[0] as Float32Array), new HalfvecArray([])],
      ),
    );
    expect(rows[0]?.all).toBe('[1,-0.5,0.25,65504];[0,1.1920929e-07,-2,3]');
    expect(rows[0]?.one).toBe('[1,-0.5,0.25,65504]');
    expect(rows[0]).toMatchObject({ distance: 0, none: 0 });
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 65_520]) {
      await expect(
        inWorkspace((db) => db.query('SELECT $1::halfvec', [new Halfvec(new Float32Array([bad]))])),
      ).rejects.toThrow('not a finite half float');
    }
    await expect(inWorkspace((db) => db.query('SELECT $1::halfvec', [new Float32Array(4)]))).rejects.toThrow('Halfvec');
  });

  it('runs one statement at a time: several are refused, with or without values', async () => {
    await expect(inWorkspace((db) => db.query('SELECT 1; SELECT 2'))).rejects.toMatchObject({ code: '42601' });
  });

  it('commits what the work did, and rolls back what threw', async () => {
    const kept = await createCollection(database.application, workspaceId, 'kept');
    await expect(
      inWorkspace(async (db) => {
        await db.query(`UPDATE dbrag.collections SET name = 'changed' WHERE id = $1`, [kept]);
        throw new DbragError('conflict', 'No.');
      }),
    ).rejects.toMatchObject({ code: 'conflict' });
    const { rows } = await inWorkspace((db) => db.query('SELECT name FROM dbrag.collections WHERE id = $1', [kept]));
    expect(rows).toEqual([{ name: 'kept' }]);
  });

  it('does not report success when the work swallowed a failed statement', async () => {
    await expect(
      inWorkspace(async (db) => {
        await db.query('SELECT 1 / 0').catch(() => undefined);
      }),
    ).rejects.toThrow('rolled back');
  });

  it('keeps a connection after a statement of the caller failed', async () => {
    const adapter = open();
    const pid = () =>
      inWorkspace(
        async (db) => (await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid,
        adapter,
      );
    const before = await pid();
    await expect(inWorkspace((db) => db.query('SELECT 1 / 0'), adapter)).rejects.toMatchObject({ code: '22012' });
    expect(await pid()).toBe(before);
  });

  it.each(['40001', '40P01', '55P03'])('tries the work again after %s, three times at most', async (code) => {
    let tries = 0;
    const failing = (times: number) =>
      inWorkspace(async (db) => {
        tries++;
        await db.query(`SELECT 1`);
        if (tries <= times)
          await db.query(`DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '${code}'; END $$`);
        return tries;
      });
    expect(await failing(2)).toBe(3);
    tries = 0;
    await expect(failing(9)).rejects.toMatchObject({ code: 'overloaded', retryable: true });
    expect(tries).toBe(3);
  });

  it('does not try again what the statement itself got wrong', async () => {
    let tries = 0;
    await expect(
      inWorkspace((db) => {
        tries++;
        return db.query('SELECT missing');
      }),
    ).rejects.toMatchObject({ code: '42703' });
    expect(tries).toBe(1);
  });

  it('leaves a statement that takes too long, and works on another connection afterwards', async () => {
    const { url, state } = await proxied();
    const adapter = open({ queryTimeoutMillis: 300 }, url);
    await inWorkspace((db) => db.query('SELECT 1'), adapter);
    state.frozen = true;
    const start = performance.now();
    await expect(inWorkspace((db) => db.query('SELECT 1'), adapter)).rejects.toMatchObject({
      code: 'timeout',
      status: 504,
    });
    expect(performance.now() - start).toBeLessThan(1500);
    state.frozen = false;
    await inWorkspace((db) => db.query('SELECT 1'), adapter);
    expect(state.connections).toBe(2);
  });

  it('asks one statement in one go under its workspace, reads only, and keeps the connection when it fails', async () => {
    expect(open().ask).toBeUndefined();
    const adapter = open({ preparedStatements: true, max: 1 });
    const ask = adapter.ask as NonNullable<typeof adapter.ask>;
    const scope = { workspaceId, collectionIds: null };
    const settings = `SELECT dbrag.current_workspace_for_test() AS workspace`;
    await expect(ask(scope, settings, [])).rejects.toThrow();
    for (let index = 0; index < 3; index++) {
      const { rows } = await ask(
        scope,
        `SELECT current_setting('dbrag.workspace_id') AS workspace, current_setting('plan_cache_mode') AS plans,
           current_setting('hnsw.ef_search') AS ef, $1::int AS given, pg_backend_pid() AS pid`,
        [index],
        { byIndex: true, efSearch: 150 },
      );
      expect(rows).toEqual([
        { workspace: workspaceId, plans: 'force_generic_plan', ef: '150', given: index, pid: expect.any(Number) },
      ]);
    }
    await expect(ask(scope, `DELETE FROM dbrag.documents WHERE id = $1`, [workspaceId])).rejects.toThrow();
    const { rows } = await inWorkspace(
      (db) => db.query(`SELECT current_setting('plan_cache_mode') AS plans, current_setting('hnsw.ef_search') AS ef`),
      adapter,
    );
    expect(rows).toEqual([{ plans: 'auto', ef: '100' }]);
  });

  it('starts nothing when the invocation has no time left', async () => {
    let remaining = 1000;
    const adapter = open({ remainingMillis: () => remaining });
    await inWorkspace((db) => db.query('SELECT 1'), adapter);
    remaining = 0;
    await expect(inWorkspace((db) => db.query('SELECT 1'), adapter)).rejects.toMatchObject({ code: 'timeout' });
  });

  it('finds a connection that died while idle dead, and takes another', async () => {
    const { url, state } = await proxied();
    const adapter = open({}, url);
    await inWorkspace((db) => db.query('SELECT 1'), adapter);
    state.cut();
    expect((await inWorkspace((db) => db.query('SELECT 1 AS one'), adapter)).rows).toEqual([{ one: 1 }]);
    expect(state.connections).toBe(2);
  });

  it('runs the work again when the connection breaks before COMMIT, and never after', async () => {
    const { url, state } = await proxied();
    const adapter = open({}, url);
    let tries = 0;
    const result = await inWorkspace(async (db) => {
      await db.query('SELECT 1');
      if (++tries === 1) state.cut();
      return (await db.query<{ two: number }>('SELECT 2 AS two')).rows[0]?.two;
    }, adapter);
    expect([result, tries]).toEqual([2, 2]);
    tries = 0;
    await expect(
      inWorkspace(async (db) => {
        tries++;
        await db.query('SELECT 1');
        // The answer to COMMIT never comes: nobody knows whether it happened.
        setImmediate(() => state.cut());
        state.frozen = true;
      }, adapter),
    ).rejects.toMatchObject({ code: 'database_resuming', retryable: true });
    expect(tries).toBe(1);
  });

  it('says that the database is resuming when nobody answers there, or nobody speaks', async () => {
    const closed = await listen(() => {});
    for (const each of sockets.splice(0)) each.close();
    await expect(inWorkspace((db) => db.query('SELECT 1'), open({}, closed))).rejects.toMatchObject({
      code: 'database_resuming',
      retryAfterSeconds: 15,
    });
    const silent = await listen(() => {});
    const start = performance.now();
    await expect(inWorkspace((db) => db.query('SELECT 1'), open({}, silent))).rejects.toMatchObject({
      code: 'database_resuming',
    });
    expect(performance.now() - start).toBeLessThan(3500);
  });

  it('asks for the password anew when it was refused, once', async () => {
    const asked: boolean[] = [];
    const right = await connectionOf(database.applicationUrl).password({ fresh: true });
    const adapter = open({
      password: async ({ fresh }) => {
        asked.push(fresh);
        return fresh ? right : 'yesterday';
      },
    });
    await inWorkspace((db) => db.query('SELECT 1'), adapter);
    expect(asked).toEqual([false, true]);
    const wrong = open({ password: async () => 'wrong' });
    await expect(inWorkspace((db) => db.query('SELECT 1'), wrong)).rejects.toMatchObject({ code: 'internal' });
  });

  it('waits for a connection only so long', async () => {
    const adapter = open({ max: 1 });
    const held = inWorkspace(async (db) => {
      await db.query('SELECT 1');
      await new Promise((resolve) => setTimeout(resolve, 2300));
    }, adapter);
    await expect(inWorkspace((db) => db.query('SELECT 1'), adapter)).rejects.toMatchObject({ code: 'overloaded' });
    await held;
  });
});

describe.runIf(process.env.LOCAL_DATABASE_URL)('the Postgres adapter on a native server', () => {
  let database: TestDatabase;
  let workspaceId: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    ({ id: workspaceId } = await createWorkspace(database.application));
  }, 60_000);
  afterAll(() => database?.close());

  it('names its statements only where it is told to', async () => {
    const named = (adapter: PostgresDatabase) =>
      adapter.inWorkspace({ workspaceId }, async (db) => {
        for (let index = 0; index < 3; index++) await db.query('SELECT $1::integer', [index]);
        return (await db.query<{ name: string }>(`SELECT name FROM pg_prepared_statements WHERE name LIKE 'dbrag%'`))
          .count;
      });
    const open = (preparedStatements: boolean) => openTestDatabase(database.applicationUrl, { preparedStatements });
    const adapters = [open(false), open(true)] as const;
    expect(await named(adapters[0])).toBe(0);
    // The look-up of the names is one of them.
    expect(await named(adapters[1])).toBe(2);
    await Promise.all(adapters.map((adapter) => adapter.close()));
  });

  it('evicts a connection whose backend was terminated, and runs the work again', async () => {
    const pids: number[] = [];
    const result = await database.application.inWorkspace({ workspaceId }, async (db) => {
      const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      pids.push((rows[0] as { pid: number }).pid);
      if (pids.length === 1) await database.admin.query('SELECT pg_terminate_backend($1)', [pids[0]]);
      return (await db.query<{ one: number }>('SELECT 1 AS one')).rows[0]?.one;
    });
    expect(result).toBe(1);
    expect(new Set(pids).size).toBe(2);
  });

  it('lets the server stop a long statement a little before it would leave it, and keeps the connection', async () => {
    const adapter = openTestDatabase(database.applicationUrl, { queryTimeoutMillis: 1000 });
    const pid = () =>
      adapter.inWorkspace(
        { workspaceId },
        async (db) => (await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid,
      );
    const before = await pid();
    const start = performance.now();
    await expect(adapter.inWorkspace({ workspaceId }, (db) => db.query('SELECT pg_sleep(5)'))).rejects.toMatchObject({
      code: 'timeout',
    });
    expect(performance.now() - start).toBeLessThan(1100);
    expect(await pid()).toBe(before);
    await adapter.close();
  });

  it('takes the limits of its role: an idle session ends on the server within a minute', async () => {
    const client = new pg.Client({ connectionString: database.applicationUrl });
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_setting('idle_session_timeout') AS idle, current_setting('lock_timeout') AS lock`,
    );
    await client.end();
    expect(rows).toEqual([{ idle: '1min', lock: '10s' }]);
  });

  it('resolves a deadlock by trying again: both writers end', async () => {
    const ids = [
      await createCollection(database.application, workspaceId),
      await createCollection(database.application, workspaceId),
    ];
    const adapters = [openTestDatabase(database.applicationUrl), openTestDatabase(database.applicationUrl)];
    const write = (adapter: PostgresDatabase, order: readonly string[]) =>
      adapter.inWorkspace({ workspaceId }, async (db) => {
        for (const id of order) {
          await db.query('UPDATE dbrag.collections SET generation = generation + 1 WHERE id = $1', [id]);
          await db.query('SELECT pg_sleep(0.2)');
        }
      });
    await Promise.all(adapters.map((adapter, index) => write(adapter, index ? [...ids].reverse() : ids)));
    const { rows } = await database.admin.query('SELECT generation FROM dbrag.collections WHERE id = ANY ($1)', [ids]);
    expect(rows.map((row) => Number(row.generation))).toEqual([2, 2]);
    await Promise.all(adapters.map((adapter) => adapter.close()));
  }, 15_000);
});
