import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { type MigrateOptions, migrate } from '../../shared/adapters/postgres/migrate.ts';
import { readMigrations } from '../../shared/adapters/postgres/migration-files.ts';
import {
  connectionOf,
  createTestDatabase,
  migrationsDirectory,
  type TestDatabase,
  testPasswords,
} from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';

const settings = { partitions: 4, dimensions: 1536 };

describe('migrations', () => {
  let database: TestDatabase;
  let directory: string;
  /** Nothing in it, or all that there is: migrated once, then copied, so that most tests need not wait for it again. */
  const begin = async (state: 'empty' | 'migrated') => {
    database = await createTestDatabase({ empty: state === 'empty', ...settings });
    directory = await mkdtemp(join(tmpdir(), 'dbrag-migrations-'));
    await cp(migrationsDirectory, directory, { recursive: true });
  };
  afterEach(async () => {
    await database?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const run = (overrides: Partial<MigrateOptions> = {}) =>
    migrate({
      connection: connectionOf(database.adminUrl),
      directory,
      settings,
      passwords: testPasswords,
      ...overrides,
    });
  const applied = async () =>
    (await database.admin.query<{ name: string }>('SELECT name FROM dbrag.schema_migrations ORDER BY 1')).rows.map(
      (row) => row.name,
    );

  it('tell whose the answers are that were kept before, in every workspace', async () => {
    await begin('migrated');
    const conversation = '0198c3d2-a1b4-7c5e-8f90-123456789abc';
    const named = `cnv_${conversation.replaceAll('-', '')}`;
    const bodies = {
      answered: { conversation_id: named, subject: 'ada' },
      made: { id: named, subject: null },
      other: { id: 'doc_1' },
      list: [named],
    };
    for (let workspace = 0; workspace < 2; workspace++) {
      const { id } = await createWorkspace(database.application);
      for (const [key, body] of Object.entries(bodies))
        await database.admin.query(
          `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
           VALUES ($1, 'key_1', $2, '', 200, $3, now() + interval '1 day')`,
          [id, key, JSON.stringify(body)],
        );
    }
    const told = async () =>
      (
        await database.admin.query(
          `SELECT key, conversation_id, subject, count(*)::int AS answers FROM dbrag.idempotency_keys
           GROUP BY 1, 2, 3 ORDER BY 1`,
        )
      ).rows;
    const all = [
      { key: 'answered', conversation_id: conversation, subject: 'ada', answers: 2 },
      { key: 'list', conversation_id: null, subject: null, answers: 2 },
      { key: 'made', conversation_id: conversation, subject: null, answers: 2 },
      { key: 'other', conversation_id: null, subject: null, answers: 2 },
    ];
    expect(await told()).toEqual(all);
    // As they were before there was a trigger.
    await database.admin.query('UPDATE dbrag.idempotency_keys SET conversation_id = NULL, subject = NULL');
    const file = '0084-whose-kept-answers-are.sql';
    await database.admin.query('DELETE FROM dbrag.schema_migrations WHERE name >= $1', [file]);
    for (const name of await readdir(directory)) if (name > file) await rm(join(directory, name));
    expect((await run()).applied).toEqual([file]);
    expect(await told()).toEqual(all);
  });

  it('builds everything from zero, and nothing the second time', async () => {
    await begin('empty');
    const files = (await readdir(directory)).sort();
    expect((await run()).applied).toEqual(files);
    expect((await run()).applied).toEqual([]);
    expect(await applied()).toEqual(files);
    const { rows } = await database.admin.query(
      `SELECT count(*)::integer AS partitions FROM pg_inherits WHERE inhparent = 'dbrag.chunks'::regclass`,
    );
    expect(rows).toEqual([{ partitions: 4 }]);
    const storage = await database.admin.query(
      `SELECT DISTINCT attstorage FROM pg_attribute WHERE attname = 'embedding' AND attrelid::regclass::text LIKE 'dbrag.embeddings%'`,
    );
    expect(storage.rows).toEqual([{ attstorage: 'p' }]);
  }, 60_000);

  it('lets processes race: each file is applied once', async () => {
    await begin('empty');
    const script = join(directory, 'run.ts');
    const adapter = new URL('../../shared/adapters/postgres/migrate.ts', import.meta.url).href;
    const { password: _, ...connection } = connectionOf(database.adminUrl);
    const password = decodeURIComponent(new URL(database.adminUrl).password);
    await writeFile(
      script,
      `import { migrate } from ${JSON.stringify(adapter)};
       const result = await migrate({
         connection: { ...${JSON.stringify(connection)}, password: async () => ${JSON.stringify(password)} },
         directory: ${JSON.stringify(directory)}, settings: ${JSON.stringify(settings)}, passwords: ${JSON.stringify(testPasswords)} });
       console.log(JSON.stringify(result.applied));`,
    );
    const racers = await Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, [script])));
    const lists = racers.map((racer) => JSON.parse(racer.stdout) as string[]);
    expect(lists.flat().sort()).toEqual((await readdir(migrationsDirectory)).sort());
    expect(await applied()).toEqual([...new Set(lists.flat())].sort());
  }, 60_000);

  it('refuses a file that changed after it was applied, and one that comes in between', async () => {
    await begin('migrated');
    const first = join(directory, '0001-tenancy-and-its-roots.sql');
    const original = await readFile(first, 'utf8');
    await writeFile(first, `${original}\n-- an afterthought`);
    await expect(run()).rejects.toThrow('0001-tenancy-and-its-roots.sql was changed after it was applied');
    await writeFile(first, original);
    await writeFile(join(directory, '0000-before.sql'), 'SELECT 1');
    await expect(run()).rejects.toThrow('give it a later number');
    await rm(join(directory, '0000-before.sql'));
    await writeFile(join(directory, '0001-twice.sql'), 'SELECT 1');
    await expect(run()).rejects.toThrow('two migrations have the number 0001');
    await rm(join(directory, '0001-twice.sql'));
    await writeFile(join(directory, 'Nine.sql'), 'SELECT 1');
    await expect(run()).rejects.toThrow('a migration is named');
  }, 60_000);

  it('leaves nothing of a file that fails, and goes on from there', async () => {
    await begin('migrated');
    const late = join(directory, '9000-late.sql');
    await writeFile(late, 'CREATE TABLE dbrag.half (); SELECT 1 / 0;');
    await expect(run()).rejects.toThrow('division by zero');
    expect(await applied()).not.toContain('9000-late.sql');
    expect((await database.admin.query(`SELECT to_regclass('dbrag.half') AS half`)).rows).toEqual([{ half: null }]);
    await writeFile(late, 'CREATE TABLE dbrag.half ();');
    expect((await run()).applied).toEqual(['9000-late.sql']);
    const { rows } = await database.admin.query(
      `SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'half'`,
    );
    expect(rows).toEqual([{ owner: 'dbrag_owner' }]);
  }, 60_000);

  it('runs a statement that no transaction may hold', async () => {
    await begin('migrated');
    await writeFile(
      join(directory, '9000-index.sql'),
      '-- migrate: outside a transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS late ON dbrag.jobs (workspace_id, priority);',
    );
    expect((await run()).applied).toContain('9000-index.sql');
    expect((await run()).applied).toEqual([]);
  }, 60_000);

  it('runs what statements say that is to do, one by one, and again where it failed', async () => {
    await begin('migrated');
    await writeFile(
      join(directory, '9000-parts.sql'),
      `-- migrate: outside a transaction
       CREATE TABLE IF NOT EXISTS dbrag.part (number integer PRIMARY KEY);

       SELECT format('INSERT INTO dbrag.part VALUES (%s) ON CONFLICT DO NOTHING', number) AS statement FROM generate_series(1, 3) AS number
       UNION ALL SELECT 'CREATE INDEX CONCURRENTLY IF NOT EXISTS part_twice ON dbrag.part (number)';

       SELECT 1 / count(*) FROM dbrag.allowed;`,
    );
    await database.admin.query(
      'CREATE TABLE dbrag.allowed (yes boolean); GRANT SELECT ON dbrag.allowed TO dbrag_owner',
    );
    await expect(run()).rejects.toThrow('division by zero');
    await database.admin.query('INSERT INTO dbrag.allowed VALUES (true)');
    expect((await run()).applied).toEqual(['9000-parts.sql']);
    const { rows } = await database.admin.query(
      `SELECT (SELECT count(*)::int FROM dbrag.part) AS parts, to_regclass('dbrag.part_twice') IS NOT NULL AS indexed`,
    );
    expect(rows).toEqual([{ parts: 3, indexed: true }]);
  }, 60_000);

  it('tolerates a database that is newer than the code', async () => {
    await begin('migrated');
    await database.admin.query(
      `INSERT INTO dbrag.schema_migrations (name, checksum) VALUES ('9999-of-the-next-release.sql', 'x')`,
    );
    expect((await run()).applied).toEqual([]);
  }, 60_000);

  it('keeps the settings of the first run, and refuses impossible ones', async () => {
    await begin('migrated');
    const later = await run({ settings: { partitions: 32, dimensions: 64 } });
    expect(later.settings).toEqual(settings);
    await expect(run({ settings: { partitions: 0, dimensions: 64 } })).rejects.toThrow(RangeError);
    await expect(run({ settings: { partitions: 4, dimensions: 4001 } })).rejects.toThrow(RangeError);
  }, 60_000);
});

// Whoever reads or writes the table would wait for as long as the build takes. Files of former releases may not change.
it('a migration builds no index within a transaction on a table that was there before', async () => {
  const offences: string[] = [];
  for (const { name, transactional, sql } of await readMigrations(migrationsDirectory)) {
    if (name < '0081' || !transactional) continue;
    for (const [, table] of sql.matchAll(/^CREATE (?:UNIQUE )?INDEX .*? ON (?!ONLY )(dbrag\.\w+)/gm))
      if (!sql.includes(`CREATE TABLE ${table} (`)) offences.push(`${name}: ${table}`);
  }
  expect(offences).toEqual([]);
});

describe('roles', () => {
  let database: TestDatabase;
  afterEach(() => database?.close());

  const run = (overrides: Partial<MigrateOptions> = {}) =>
    migrate({
      connection: connectionOf(database.adminUrl),
      directory: migrationsDirectory,
      settings,
      passwords: testPasswords,
      ...overrides,
    });

  it('sets passwords, never in the clear, and changes them', async () => {
    database = await createTestDatabase({ embedded: true, ...settings });
    const login = async (password: string) => {
      const url = new URL(database.adminUrl);
      url.username = 'dbrag_app';
      url.password = password;
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      const { rows } = await client.query('SELECT current_user AS name');
      await client.end();
      return rows[0].name;
    };
    await run();
    expect(await login(testPasswords.application)).toBe('dbrag_app');
    await run({ passwords: { ...testPasswords, application: 'rotated' } });
    expect(await login('rotated')).toBe('dbrag_app');
    await expect(login(testPasswords.application)).rejects.toMatchObject({ code: '28P01' });
    await run();
    const { rows } = await database.admin.query<{ rolpassword: string }>(
      `SELECT rolpassword FROM pg_authid WHERE rolname = 'dbrag_app'`,
    );
    expect(rows[0]?.rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
  }, 60_000);

  it('works for a deployer who is no superuser, as on RDS', async () => {
    database = await createTestDatabase({ empty: true, embedded: true });
    const { rows } = await database.admin.query<{ name: string }>('SELECT current_database() AS name');
    await database.admin.query(
      `CREATE EXTENSION vector; CREATE ROLE deployer LOGIN CREATEROLE PASSWORD 'deployer';
       ALTER DATABASE "${rows[0]?.name}" OWNER TO deployer; ALTER SCHEMA public OWNER TO deployer;`,
    );
    const url = new URL(database.adminUrl);
    url.username = 'deployer';
    url.password = 'deployer';
    expect((await run({ connection: connectionOf(url.href) })).applied).toEqual(
      (await readdir(migrationsDirectory)).sort(),
    );
    expect((await run({ connection: connectionOf(url.href) })).applied).toEqual([]);
  }, 60_000);
});
