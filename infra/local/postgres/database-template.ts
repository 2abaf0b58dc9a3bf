import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockDirectory } from './directory-lock.ts';
import { openDatabase } from './open-database.ts';
import { servePglite } from './wire-server.ts';

export interface DatabaseTemplateOptions {
  /** Where dumps are kept. */
  readonly directory: string;
  /** Whatever decides what `prepare` makes, such as the text of all migrations; its hash names the dump. */
  readonly cacheKey: string;
}

const SUPERUSER_PASSWORD = 'template';
const PREPARATION_PATIENCE = 120_000;

/**
 * The file of a database dump that `prepare` has been run on, made once per cache key, whichever of several processes
 * comes first. `openDatabase` and `startPostgres` start from it in well under a second. They set the superuser's password anew.
 */
export async function createDatabaseTemplate(
  prepare: (adminUrl: string) => Promise<void>,
  options: DatabaseTemplateOptions,
): Promise<string> {
  const name = createHash('sha256').update(`${pgliteVersion()}\n${options.cacheKey}`).digest('hex').slice(0, 32);
  const path = join(options.directory, `${name}.tar`);
  if (existsSync(path)) return path;
  const lock = await lockDirectory(options.directory, PREPARATION_PATIENCE);
  try {
    if (!existsSync(path)) await makeDump(prepare, path);
  } finally {
    lock.release();
  }
  return path;
}

/** A data directory is readable only by the build that wrote it. */
function pgliteVersion(): string {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

async function makeDump(prepare: (adminUrl: string) => Promise<void>, path: string): Promise<void> {
  const { database, close } = await openDatabase({ superuserPassword: SUPERUSER_PASSWORD });
  try {
    const server = await servePglite(database);
    try {
      await prepare(server.url('postgres', SUPERUSER_PASSWORD));
    } finally {
      await server.close();
    }
    await database.exec('CHECKPOINT');
    const dump = await database.dumpDataDir('none');
    const unfinished = `${path}.${randomUUID()}`;
    try {
      writeFileSync(unfinished, new Uint8Array(await dump.arrayBuffer()));
      renameSync(unfinished, path);
    } finally {
      rmSync(unfinished, { force: true });
    }
  } finally {
    await close();
  }
}
