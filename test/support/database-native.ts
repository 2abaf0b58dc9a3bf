import pg from 'pg';
import { type DatabaseServer, type Template, uniqueName } from './database-server.ts';

// One number for all test processes: they build the template, and copy it, one after the other.
const templateLock = 7_041_996_002;

/** A database copied from the template on a running server; the first process that needs a template builds it. */
export async function createNativeDatabase(serverUrl: string, template: Template | undefined): Promise<DatabaseServer> {
  const name = uniqueName();
  await withServer(serverUrl, async (server) => {
    await server.query(`SELECT pg_advisory_lock(${templateLock})`);
    if (template) await buildOnce(server, serverUrl, template);
    await server.query(`CREATE DATABASE ${name} TEMPLATE ${template?.name ?? 'template0'}`);
  });
  return {
    adminUrl: urlOf(serverUrl, name),
    native: true,
    remove: () =>
      withServer(serverUrl, async (server) => void (await server.query(`DROP DATABASE ${name} WITH (FORCE)`))),
  };
}

async function buildOnce(server: pg.Client, serverUrl: string, template: Template): Promise<void> {
  const { rowCount } = await server.query('SELECT FROM pg_database WHERE datname = $1', [template.name]);
  if (rowCount) return;
  // Built under another name: one that was left half-way is never taken for a whole one.
  const building = uniqueName();
  await server.query(`CREATE DATABASE ${building} TEMPLATE template0`);
  await template.build(urlOf(serverUrl, building));
  await server.query(`ALTER DATABASE ${building} RENAME TO ${template.name}`);
}

async function withServer(serverUrl: string, work: (server: pg.Client) => Promise<void>): Promise<void> {
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  try {
    await work(server);
  } finally {
    await server.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
