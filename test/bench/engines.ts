import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { parentOf } from './cpu-time.ts';

export interface Engines {
  /** As the superuser, in the maintenance database. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Of the Postgres that all backends are children of. */
  readonly postgresProcessId: number;
  readonly redisProcessId: number;
}

const script = fileURLToPath(new URL('../support/native-engines.sh', import.meta.url));
const run = promisify(execFile);

/** Where the names of engines that were started are written, one a line, for whoever started the bench and ends them after it (`npm run bench`). */
const enginesFile = process.env.BENCH_ENGINES;

/**
 * Native engines of the benches' own, since a bench throws away the database that it measures; they run on until
 * `npm run native-engines stop bench-<name>`.
 * @param sharedBuffers of a server that does not run yet
 */
export async function startEngines(name: string, sharedBuffers = '2GB'): Promise<Engines> {
  const env = { ...process.env, SHARED_BUFFERS: sharedBuffers };
  if (enginesFile) appendFileSync(enginesFile, `${name}\n`);
  const { stdout } = await run('bash', [script, 'start', `bench-${name}`], { env });
  const urls = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s)));
  const { LOCAL_DATABASE_URL: databaseUrl, LOCAL_REDIS_URL: redisUrl } = urls as Record<string, string>;
  if (databaseUrl === undefined || redisUrl === undefined) throw new Error(`native-engines.sh said: ${stdout}`);
  return { databaseUrl, redisUrl, ...(await processesOf(databaseUrl, redisUrl)) };
}

/** Ends engines by the name that they were started with; their data stays. */
export async function stopEngines(name: string): Promise<void> {
  await run('bash', [script, 'stop', `bench-${name}`]);
}

/**
 * For benches on databases of `createTestDatabase`, which reads the environment: the engines that it names (`LOCAL_DATABASE_URL`, `LOCAL_REDIS_URL`),
 * or native ones of the bench's own.
 */
export async function exportEngines(name: string, sharedBuffers?: string): Promise<void> {
  const { env } = process;
  if (env.LOCAL_DATABASE_URL && env.LOCAL_REDIS_URL) return;
  const own = await startEngines(name, sharedBuffers);
  env.LOCAL_DATABASE_URL ||= own.databaseUrl;
  env.LOCAL_REDIS_URL ||= own.redisUrl;
}

export async function dropDatabase({ databaseUrl }: Engines, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  await client.end();
}

async function processesOf(databaseUrl: string, redisUrl: string) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const postgresProcessId = parentOf((rows[0] as { pid: number }).pid);
  await client.end();
  const redis = new Redis(redisUrl);
  const redisProcessId = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
  redis.disconnect();
  return { postgresProcessId, redisProcessId };
}
