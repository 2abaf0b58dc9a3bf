import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { environmentNames as names } from '../../../shared/core/env-names.ts';
import { ApiClient } from '../../support/api-client.ts';
import { leaks, modelKeyCanary } from '../../support/canaries.ts';
import { TestIdentityProvider } from '../../support/identity-provider.ts';
import { startTestCloud, type TestCloud } from '../../support/local-cloud.ts';

export const maximumFileBytes = 300_000;
export const shortVisibilitySeconds = 6;
export const allowedOrigin = 'https://app.example';

export interface Workspace {
  readonly id: string;
  /** As it stands in the database. */
  readonly uuid: string;
  readonly keyId: string;
  /** With the owner's key. */
  readonly api: ApiClient;
  readonly collectionId: string;
}

/** One cloud for the whole set: each test has a workspace of its own. */
export interface ApiWorld {
  readonly cloud: TestCloud;
  readonly operator: ApiClient;
  readonly nobody: ApiClient;
  /** Whose tokens the service accepts. */
  readonly people: TestIdentityProvider;
  /** The superuser: sees what is really there. */
  readonly admin: pg.Client;
  /** An access key that may do everything in the bucket. */
  readonly s3: S3Client;
  /** How long a message is hidden that a function has taken: short, unless a test has work that takes long on a busy machine. */
  hideMessages(seconds: number): void;
  /** Sends a message to the maintenance function. */
  maintain(message: object): void;
  workspace(name?: string): Promise<Workspace>;
  /** A key of the workspace. */
  key(workspace: Workspace, body: object): Promise<ApiClient>;
  count(sql: string, values: readonly unknown[]): Promise<number>;
  close(): Promise<void>;
}

/** Those that learn the tables of a database. */
export const catalogFunctions = /DescribeTable|QueryDatabase|Maintain|describe-table|query-database|catalog/;

/** What functions of these names printed of errors and warnings, newest last, for a test that failed where nobody was looking. */
export function complaintsOf({ cloud }: ApiWorld, functions: RegExp): string {
  const complaints = cloud.lines.filter(
    (line) => functions.test(line) && /"level":"(ERROR|WARN)"|Invoke Error|Task timed out|failed/.test(line),
  );
  return complaints
    .slice(-20)
    .map((line) => line.slice(0, 600))
    .join('\n');
}

/** Embedded engines, or native ones where `LOCAL_DATABASE_URL` says so. */
export async function startApiWorld(): Promise<ApiWorld> {
  const engines = process.env.LOCAL_DATABASE_URL ? startOwnEngines() : undefined;
  const people = await TestIdentityProvider.start();
  const cloud = await startTestCloud({
    databaseUrl: engines?.databaseUrl,
    redisUrl: engines?.redisUrl,
    environment: {
      [names.maximumFileBytes]: String(maximumFileBytes),
      [names.corsOrigins]: JSON.stringify([allowedOrigin]),
      [names.identityProviders]: JSON.stringify([{ issuer: people.issuer, audience: people.audience }]),
    },
  });
  hideMessages(cloud, shortVisibilitySeconds);
  const admin = new pg.Client({ connectionString: cloud.database.adminUrl });
  admin.on('error', () => {});
  await admin.connect();
  const s3 = new S3Client({
    endpoint: cloud.aws.endpoints.S3,
    region: 'us-east-1',
    credentials: { accessKeyId: cloud.administrator.accessKeyId, secretAccessKey: cloud.administrator.secretAccessKey },
  });
  const operator = new ApiClient(cloud.url, cloud.operatorKey);
  return {
    cloud,
    operator,
    nobody: new ApiClient(cloud.url, null),
    people,
    admin,
    s3,
    hideMessages: (seconds) => hideMessages(cloud, seconds),
    maintain(message) {
      const { sqs } = cloud.aws;
      const queue = sqs.stats().find(({ name }) => name.endsWith('-maintenance'));
      if (!queue) throw new Error('There is no maintenance queue');
      sqs.sendInternal(queue.arn, JSON.stringify({ v: 1, ...message }));
    },
    workspace: (name = 'test') => newWorkspace(cloud, operator, name),
    async key({ api }, body) {
      const made = await api.expect(201, 'POST', '/v1/api-keys', { name: 'test', ...body });
      return new ApiClient(cloud.url, made.secret);
    },
    async count(sql, values) {
      const { rows } = await admin.query<{ count: string }>(sql, [...values]);
      return Number(rows[0]?.count);
    },
    async close() {
      const found = await leakedSecrets(cloud);
      s3.destroy();
      await admin.end();
      await cloud.close();
      await people.close();
      engines?.wipe();
      if (found.length > 0) throw new Error(`Secrets were written where they can be read: ${found.join('\n')}`);
    },
  };
}

/** In all that functions and servers printed (metrics are lines too), and in what was sent to models. */
async function leakedSecrets(cloud: TestCloud): Promise<string[]> {
  const secrets = [
    cloud.operatorKey,
    cloud.applicationLogin.password,
    new URL(cloud.database.adminUrl).password,
    modelKeyCanary,
  ];
  const prompts = cloud.models.ledger.snapshot().leaks;
  return [...leaks(cloud.lines, secrets), ...(prompts > 0 ? [`${prompts} requests to models`] : [])];
}

/**
 * Native engines beside those that the other tests share: roles and their passwords belong to a whole server, and a cloud chooses its
 * own.
 */
function startOwnEngines(): { databaseUrl: string; redisUrl: string; wipe: () => void } {
  const script = fileURLToPath(new URL('../../support/native-engines.sh', import.meta.url));
  const run = (verb: string) => execFileSync('bash', [script, verb, `api-${process.pid}`], { encoding: 'utf8' });
  const printed = run('start');
  const urlOf = (name: string): string => {
    const url = new RegExp(`^${name}=(.+)$`, 'm').exec(printed)?.[1];
    if (url === undefined) throw new Error(`The native engines did not say where they are: ${printed}`);
    return url;
  };
  return {
    databaseUrl: urlOf('LOCAL_DATABASE_URL'),
    redisUrl: urlOf('LOCAL_REDIS_URL'),
    wipe: () => void run('wipe'),
  };
}

/** A message that failed comes again after six times the function's time-out; no test waits for that. */
function hideMessages({ aws, assembly }: TestCloud, seconds: number): void {
  for (const { queueArn } of assembly.eventSourceMappings) {
    const queue = aws.sqs.queue(queueArn);
    if (queue) aws.sqs.createQueue({ ...queue.settings, visibilityTimeout: seconds });
  }
}

async function newWorkspace(cloud: TestCloud, operator: ApiClient, name: string): Promise<Workspace> {
  const made = await operator.expect(201, 'POST', '/v1/workspaces', { name });
  const api = new ApiClient(cloud.url, made.api_key.secret);
  const collection = await api.expect(201, 'POST', '/v1/collections', { name: 'documents' });
  return { id: made.id, uuid: uuidOf(made.id), keyId: made.api_key.id, api, collectionId: collection.id };
}

/** The UUID inside a public id. */
export function uuidOf(publicId: string): string {
  return publicId.replace(/^[a-z]+_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Hands the world to suites that are declared before it is started. */
export type World = () => ApiWorld;
