import pg from 'pg';
import { type Failpoint, noFailpoint } from '../../core/failpoint.ts';
import { type ConnectionSettings, clientConfig } from './connection.ts';
import { fillSettings, type MigrationFile, readMigrations } from './migration-files.ts';
import { alone, locked } from './migration-lock.ts';
import { runAsOwner, runStatements } from './migration-statements.ts';
import { createRoles, type RolePasswords } from './roles.ts';

/** Chosen by the first run and kept by the database: later runs get what it was built with. */
export interface SchemaSettings {
  /** Hash partitions of chunks and embeddings, 1 to 256. */
  readonly partitions: number;
  /** Dimensions of an embedding, 1 to 4,000: a row with a halfvec stored plain must fit a page. */
  readonly dimensions: number;
}

export interface MigrateOptions {
  /** A superuser or the database's owner with CREATEROLE, straight at the writer. */
  readonly connection: ConnectionSettings;
  readonly directory: string;
  readonly settings: SchemaSettings;
  readonly passwords: RolePasswords;
  readonly failpoint?: Failpoint;
}

export interface MigrationResult {
  readonly applied: readonly string[];
  readonly settings: SchemaSettings;
}

/**
 * Brings a database to the newest schema. Forward only. Several runs at once are safe: each step is a transaction that takes one
 * advisory lock and looks again whether it is still to do. Files that are no transaction take a lock of the session, which is shared where
 * one session is, as in PGlite: there they run beside each other, one statement at a time.
 * A file that changed after it was applied stops everything.
 */
export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  checkSettings(options.settings);
  const files = await readMigrations(options.directory);
  const client = new pg.Client(clientConfig(options.connection));
  client.on('error', () => {});
  await client.connect();
  try {
    await locked(client, async () => {
      await createRoles(client, options.passwords);
      await createBookkeeping(client);
    });
    const settings = await keepSettings(client, options.settings);
    const applied: string[] = [];
    for (const file of files)
      if (await apply(client, file, settings, files, options.failpoint)) applied.push(file.name);
    return { applied, settings };
  } finally {
    await client.end();
  }
}

function checkSettings({ partitions, dimensions }: SchemaSettings): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 256) throw new RangeError('partitions: 1 to 256');
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 4000)
    throw new RangeError('dimensions: 1 to 4000');
}

// Statement statistics: where the server has the extension and allows the deployer to create it, as Aurora does. Used only for finding slow statements.
const installStatistics = `
    DO $do$ BEGIN
      IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') THEN
        CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
      END IF;
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $do$;`;

async function createBookkeeping(client: pg.Client): Promise<void> {
  await client.query(`
    DO $do$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO dbrag_owner', current_database()); END $do$;
    CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
    ${installStatistics}
    CREATE SCHEMA IF NOT EXISTS dbrag AUTHORIZATION dbrag_owner;
    SET LOCAL ROLE dbrag_owner;
    CREATE TABLE IF NOT EXISTS dbrag.schema_migrations (
      name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE IF NOT EXISTS dbrag.schema_settings (name text PRIMARY KEY, value integer NOT NULL);
    RESET ROLE;`);
}

async function keepSettings(client: pg.Client, wanted: SchemaSettings): Promise<SchemaSettings> {
  return locked(client, async () => {
    for (const [name, value] of Object.entries(wanted)) {
      await client.query('INSERT INTO dbrag.schema_settings VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, value]);
    }
    const { rows } = await client.query<{ name: string; value: number }>(
      'SELECT name, value FROM dbrag.schema_settings',
    );
    return { ...wanted, ...Object.fromEntries(rows.map((row) => [row.name, row.value])) };
  });
}

/** @returns whether this run applied it */
async function apply(
  client: pg.Client,
  file: MigrationFile,
  settings: SchemaSettings,
  files: readonly MigrationFile[],
  failpoint: Failpoint = noFailpoint,
): Promise<boolean> {
  const sql = fillSettings(file, { ...settings });
  if (!file.transactional) {
    return alone(client, async () => {
      if (!(await locked(client, () => isDue(client, file, files)))) return false;
      await runStatements(client, sql);
      await failpoint.reach('migrate.mid');
      return locked(client, async () => (await isDue(client, file, files)) && record(client, file));
    });
  }
  return locked(client, async () => {
    if (!(await isDue(client, file, files))) return false;
    await runAsOwner(client, sql);
    await failpoint.reach('migrate.mid');
    return record(client, file);
  });
}

async function isDue(client: pg.Client, file: MigrationFile, files: readonly MigrationFile[]): Promise<boolean> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM dbrag.schema_migrations',
  );
  const applied = rows.find((row) => row.name === file.name);
  if (applied) {
    if (applied.checksum !== file.checksum)
      throw new Error(`${file.name} was changed after it was applied: add a new migration`);
    return false;
  }
  const known = new Set(files.map((each) => each.name));
  const later = rows.find((row) => known.has(row.name) && row.name > file.name);
  if (later)
    throw new Error(`${file.name} was added before ${later.name}, which is applied already: give it a later number`);
  return true;
}

async function record(client: pg.Client, file: MigrationFile): Promise<true> {
  await client.query('INSERT INTO dbrag.schema_migrations (name, checksum) VALUES ($1, $2)', [
    file.name,
    file.checksum,
  ]);
  return true;
}
