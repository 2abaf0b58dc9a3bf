import { existsSync, openAsBlob, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { createVerifier, matchesVerifier } from './scram.ts';
import { quoteLiteral } from './session-state.ts';

export interface OpenDatabaseOptions {
  /** Where the data live; in memory when left out. */
  readonly dataDirectory?: string;
  /** A dump of `dumpDataDir` to start from when there is no database yet: its file, or itself. */
  readonly template?: string | Blob;
  /** Password of the role `postgres`. Left out, the role keeps the one it has. */
  readonly superuserPassword?: string;
}

export interface OpenDatabase {
  readonly database: PGlite;
  /** Writes everything down and lets go of the directory. */
  close(): Promise<void>;
}

// PGlite's own start parameters set search_path=public; a Postgres server has "$user", public. Its -F (no fsync) stays:
// what is committed is with the operating system, which outlives this process, though not a power failure.
// Too deep a recursion must be an SQL error (54001) before it overflows the stack of JavaScript, which ends the backend:
// 300 kB are enough for that with `BACKEND_NODE_OPTIONS` (measured), 600 kB are not.
const START_PARAMETERS = [
  ...PGlite.defaultStartParams.filter(
    (value, index, all) => value !== 'search_path=public' && all[index + 1] !== 'search_path=public',
  ),
  '-c',
  'max_stack_depth=200kB',
];
/** For the process that runs the backend: 6 MB of the 8 MB that a main thread has on Linux and macOS. */
export const BACKEND_NODE_OPTIONS = ['--stack-size=6000'];
const DATA = 'pgdata';

/** Opens a database with pgvector, making it first when there is none. */
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenDatabase> {
  const lock = options.dataDirectory === undefined ? undefined : await lockDirectory(options.dataDirectory);
  try {
    const database = await openLocked(options, lock);
    if (options.superuserPassword !== undefined) await setSuperuserPassword(database, options.superuserPassword);
    return {
      database,
      close: async () => {
        await database.close();
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function openLocked(options: OpenDatabaseOptions, lock: DirectoryLock | undefined): Promise<PGlite> {
  if (!lock || options.dataDirectory === undefined) return create(undefined, options.template);
  const directory = join(options.dataDirectory, DATA);
  if (!existsSync(directory)) await createAtOnce(directory, options.template);
  return create(directory);
}

/** A start that is killed half way leaves no half database behind: it gets its name when it is whole. */
async function createAtOnce(directory: string, template: string | Blob | undefined): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  const database = await create(unfinished, template);
  await database.close();
  renameSync(unfinished, directory);
}

async function create(dataDir: string | undefined, template?: string | Blob): Promise<PGlite> {
  const dump = typeof template === 'string' ? await openAsBlob(template) : template;
  return await PGlite.create({
    extensions: { vector },
    startParams: START_PARAMETERS,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(dump === undefined ? {} : { loadDataDir: dump }),
  });
}

async function setSuperuserPassword(database: PGlite, password: string): Promise<void> {
  const { rows } = await database.query<{ rolpassword: string | null }>(
    `SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'`,
  );
  if (await matchesVerifier(password, rows[0]?.rolpassword ?? null)) return;
  await database.exec(`ALTER ROLE postgres PASSWORD ${quoteLiteral(await createVerifier(password))}`);
}
