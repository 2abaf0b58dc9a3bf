import { createHash } from 'node:crypto';
import pg from 'pg';
import type { ConnectionSettings } from '../../shared/adapters/postgres/connection.ts';
import {
  createPostgresDatabase,
  type PostgresDatabase,
  type PostgresSettings,
} from '../../shared/adapters/postgres/database.ts';
import { migrate, type SchemaSettings } from '../../shared/adapters/postgres/migrate.ts';
import { readMigrations } from '../../shared/adapters/postgres/migration-files.ts';
import { startEmbeddedDatabase } from './database-embedded.ts';
import { createNativeDatabase } from './database-native.ts';

export const migrationsDirectory = new URL('../../shared/migrations', import.meta.url).pathname;
export const testPasswords = { application: 'application-password', maintainer: 'maintainer-password' };

export interface TestDatabase {
  /** As the superuser, whom no row security binds: for looking at what is really there. */
  readonly adminUrl: string;
  readonly applicationUrl: string;
  readonly maintainerUrl: string;
  readonly admin: pg.Client;
  /** As `dbrag_app`, on the adapter under test. */
  readonly application: PostgresDatabase;
  /** As `dbrag_maintainer`, a member of the owner. */
  readonly maintainer: PostgresDatabase;
  /** Several connections at once, `statement_timeout`, `pg_terminate_backend`: only a native server has them. */
  readonly native: boolean;
  close(): Promise<void>;
}

export interface TestDatabaseOptions extends Partial<SchemaSettings> {
  /** An empty database instead of a migrated one; only `admin` works then. */
  readonly empty?: boolean;
  /** Embedded whatever the environment says: for tests that change roles, which databases on one server share. */
  readonly embedded?: boolean;
}

/**
 * A database of the test file's own, migrated from zero (once per schema; then copied): on the native server of
 * `LOCAL_DATABASE_URL`, else embedded in this process behind the wire server. Close it in `afterAll`.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const settings: SchemaSettings = { partitions: options.partitions ?? 4, dimensions: options.dimensions ?? 1536 };
  const template = options.empty ? undefined : { name: await templateName(settings), build: builder(settings) };
  const nativeUrl = options.embedded ? undefined : process.env.LOCAL_DATABASE_URL;
  const server = nativeUrl ? await createNativeDatabase(nativeUrl, template) : await startEmbeddedDatabase(template);
  const admin = new pg.Client({ connectionString: server.adminUrl });
  admin.on('error', () => {});
  await admin.connect();
  const url = (user: string, password: string) => {
    const copy = new URL(server.adminUrl);
    copy.username = user;
    copy.password = password;
    return copy.href;
  };
  const applicationUrl = url('dbrag_app', testPasswords.application);
  const maintainerUrl = url('dbrag_maintainer', testPasswords.maintainer);
  const application = openTestDatabase(applicationUrl);
  const maintainer = openTestDatabase(maintainerUrl);
  return {
    adminUrl: server.adminUrl,
    applicationUrl,
    maintainerUrl,
    admin,
    application,
    maintainer,
    native: server.native,
    close: async () => {
      await Promise.all([application.close(), maintainer.close(), admin.end()]);
      await server.remove();
    },
  };
}

/** The adapter on a URL, with whatever settings a test wants to be different. */
export function openTestDatabase(databaseUrl: string, settings: Partial<PostgresSettings> = {}): PostgresDatabase {
  return createPostgresDatabase({ ...connectionOf(databaseUrl), ...settings });
}

export function connectionOf(databaseUrl: string): ConnectionSettings {
  const { hostname, port, pathname, username, password } = new URL(databaseUrl);
  return {
    host: hostname,
    port: Number(port),
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password: async () => decodeURIComponent(password),
    tls: 'off',
  };
}

const builder = (settings: SchemaSettings) => async (adminUrl: string) => {
  await migrate({
    connection: connectionOf(adminUrl),
    directory: migrationsDirectory,
    settings,
    passwords: testPasswords,
  });
};

/** Changes with every migration and with what makes the roles, so that a stale template is never copied. */
async function templateName(settings: SchemaSettings): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([settings, testPasswords, 'v1']));
  for (const file of await readMigrations(migrationsDirectory)) hash.update(file.checksum);
  return `dbrag_template_${hash.digest('hex').slice(0, 16)}`;
}
