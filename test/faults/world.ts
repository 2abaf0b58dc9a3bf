import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type LocalCloud, startLocalCloud } from '../../infra/local/cloud.ts';
import { noFaults as noObjectFaults } from '../../infra/local/s3/faults.ts';
import { noFaults as noQueueFaults } from '../../infra/local/sqs/faults.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { dropDatabase, startEngines } from '../bench/engines.ts';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-model-server/server.ts';
import { HalfOpenProxy } from '../support/half-open-proxy.ts';
import { FailpointControl } from './failpoint-control.ts';

/** The whole system of the `test` stage on native engines, and every place at which it can be hurt. */
export interface World {
  readonly cloud: LocalCloud;
  readonly models: FakeModelServer;
  /** Between the functions and their engines. */
  readonly postgres: HalfOpenProxy;
  readonly redis: HalfOpenProxy;
  readonly failpoints: FailpointControl;
  /** Past the proxies, as those who may do everything. */
  readonly admin: pg.Client;
  /** As the superuser, past the proxy. */
  readonly databaseUrl: string;
  readonly cache: Redis;
  readonly s3: S3Client;
  /** Bodies of messages that the dead-letter function acknowledged, oldest first. */
  readonly givenUp: readonly string[];
  /** How often functions warned of something, by their words. */
  readonly warnings: ReadonlyMap<string, number>;
  /** What the functions and servers said, for whoever looks into a failure. */
  readonly logFile: string;
  /** Seconds after which a message that failed comes again. */
  visibility(seconds: number): void;
  /** Ends every fault of every part. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** A server's that does not run yet: several stand beside each other, and their rows are few. */
const sharedBuffers = '512MB';
/** As short as the functions' time-out allows, so that a short run need not wait for six times that. */
const shortVisibility = 6;

/**
 * Starts everything anew: the database is dropped first. A process that is killed in the middle of the first migration run is part
 * of it: the second start must find its way.
 * @param name of the engines and of the log file: worlds of different names do not disturb each other
 */
export async function startWorld(name: string, seed: number, long: boolean): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), `dbrag-${name}-`));
  const logFile = join(tmpdir(), `dbrag-${name}-${seed}.log`);
  const log = createWriteStream(logFile);
  const engines = await startEngines(name, sharedBuffers);
  const alone = await takeEngines(engines.databaseUrl);
  await dropDatabase(engines, 'dbrag');
  const [models, postgres, redis, failpoints] = await Promise.all([
    startFakeModelServer({ seed, latencyMs: 30, perInputMs: 0.2 }),
    HalfOpenProxy.before(engines.databaseUrl),
    HalfOpenProxy.before(engines.redisUrl),
    FailpointControl.listen(join(directory, 'failpoints.sock')),
  ]);
  const givenUp: string[] = [];
  const warnings = new Map<string, number>();
  const assemblyDirectory = await assemblyOf('test');
  const start = () =>
    startLocalCloud({
      assemblyDirectory,
      dataDirectory: join(directory, 'data'),
      port: 0,
      databaseUrl: postgres.through(engines.databaseUrl),
      redisUrl: redis.through(engines.redisUrl),
      models: { apiKey: 'test', baseUrl: models.baseUrl },
      environment: { FAILPOINT_SOCKET: failpoints.path },
      log: (line) => log.write(`${new Date().toISOString()} ${line}\n`),
      onFunctionLine: (name, line) => {
        const warning = /"level":"WARN".*?"message":"([^"]+)"/.exec(line)?.[1];
        if (warning !== undefined) warnings.set(warning, (warnings.get(warning) ?? 0) + 1);
        const body = bodyOfGivenUp(line);
        if (body !== undefined) givenUp.push(body);
        if (!line.includes('"level":"INFO"'))
          log.write(`${new Date().toISOString()} ${name}: ${line.slice(0, 2_000)}\n`);
      },
    });
  await dieWhileMigrating(failpoints, start);
  const cloud = await start();
  const databaseUrl = new URL(`/${cloud.database.name}`, engines.databaseUrl).href;
  const admin = new pg.Client({ connectionString: databaseUrl });
  admin.on('error', () => {});
  await admin.connect();
  // Whatever a fault does to the server's defaults, the one who looks and heals may write.
  await admin.query('SET default_transaction_read_only = off');
  const cache = new Redis(engines.redisUrl);
  // Of the run before: the engines stay.
  await cache.flushall();
  const s3 = new S3Client({
    endpoint: cloud.aws.endpoints.S3,
    region: 'us-east-1',
    credentials: { accessKeyId: cloud.administrator.accessKeyId, secretAccessKey: cloud.administrator.secretAccessKey },
  });
  const visibility = (seconds: number): void => {
    for (const { queueArn } of cloud.assembly.eventSourceMappings) {
      const queue = cloud.aws.sqs.queue(queueArn);
      if (queue) cloud.aws.sqs.createQueue({ ...queue.settings, visibilityTimeout: seconds });
    }
  };
  const ordinary = long ? 30 : shortVisibility;
  visibility(ordinary);
  const world: World = {
    ...{
      cloud,
      models,
      postgres,
      redis,
      failpoints,
      admin,
      databaseUrl,
      cache,
      s3,
      givenUp,
      warnings,
      logFile,
      visibility,
    },
    async heal() {
      failpoints.clear();
      postgres.pass();
      redis.pass();
      models.faults.clear();
      cloud.aws.sqs.setFaults(noQueueFaults);
      Object.assign(cloud.aws.s3.faults, noObjectFaults());
      visibility(ordinary);
      await healDatabase(admin);
      await healCache(cache);
    },
    async close() {
      s3.destroy();
      cache.disconnect();
      await admin.end();
      await alone.end();
      await cloud.close();
      await Promise.all([models.close(), postgres.close(), redis.close(), failpoints.close()]);
      log.end();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return world;
}

/** Another run would drop the database of this one. @returns what holds the engines until it is ended */
async function takeEngines(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query<{ taken: boolean }>("SELECT pg_try_advisory_lock(hashtext('faults')) AS taken");
  if (rows[0]?.taken) return client;
  await client.end();
  throw new Error('Another run uses these engines.');
}

async function dieWhileMigrating(failpoints: FailpointControl, start: () => Promise<LocalCloud>): Promise<void> {
  const kill = failpoints.arm({ name: 'migrate.mid', action: 'kill', passes: [3] });
  const outcome = await start().then(
    (cloud) => cloud.close().then(() => 'started'),
    () => 'refused',
  );
  failpoints.clear();
  if (outcome !== 'refused' || kill.struck !== 1) throw new Error('A killed migration did not refuse the start.');
}

function bodyOfGivenUp(line: string): string | undefined {
  if (!line.includes('message given up')) return undefined;
  return (JSON.parse(line) as { body?: string }).body;
}

async function healDatabase(admin: pg.Client): Promise<void> {
  await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
  await admin.query('SELECT pg_reload_conf()');
  for (const role of ['dbrag_app', 'dbrag_maintainer']) {
    await admin.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`);
  }
  await admin.query('DROP SCHEMA IF EXISTS faults CASCADE');
}

async function healCache(cache: Redis): Promise<void> {
  await cache.call('REPLICAOF', 'NO', 'ONE');
  await cache.config('SET', 'maxmemory', '0');
}
