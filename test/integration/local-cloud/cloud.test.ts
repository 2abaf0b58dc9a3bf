import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../../infra/local/cloud.ts';
import { synthesiseStubAssembly } from '../../support/stub-assembly.ts';

let directory: string;
let assemblyDirectory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dbrag-cloud-'));
  assemblyDirectory = await synthesiseStubAssembly(join(directory, 'stub'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function call<T>(url: string, method: string, path: string, body?: string): Promise<T> {
  const answer = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : { body }) });
  return (await answer.json()) as T;
}

type Events = { kind: string; body: string }[];
const bodiesOf = async (url: string, kind: string): Promise<string[]> =>
  (await call<Events>(url, 'GET', '/events')).filter((event) => event.kind === kind).map(({ body }) => body);

const isAlive = (processId: number): boolean => {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a cloud that runs', () => {
  let cloud: LocalCloud;
  const lines: string[] = [];

  beforeAll(async () => {
    cloud = await startLocalCloud({
      assemblyDirectory,
      dataDirectory: join(directory, 'data'),
      port: 0,
      log: (line) => lines.push(line),
      onFunctionLine: (name, line) => lines.push(`${name}: ${line}`),
    });
  });

  afterAll(() => cloud?.close());

  it('has deployed its custom resource as the owner of the database, and lets the handlers in as the application', async () => {
    expect(await bodiesOf(cloud.url, 'migration')).toEqual(['Create']);
  });

  it('gives functions the environment of the template with the addresses of this machine', async () => {
    const environment = await call<Record<string, string>>(cloud.url, 'GET', '/environment');
    expect(environment).toMatchObject({
      STAGE: 'test',
      DATABASE_HOST: '127.0.0.1',
      DATABASE_PORT: String(cloud.database.port),
      CACHE_URL: cloud.redisUrl,
      OPENAI_BASE_URL: cloud.modelBaseUrl,
      AWS_ENDPOINT_URL_S3: cloud.aws.endpoints.S3,
    });
    expect(environment.QUEUE_URL_INGEST_DEFAULT).toMatch(new RegExp(`^${cloud.aws.endpoints.SQS}/000000000000/`));
  });

  it('carries a request to S3, its notification to a queue, and the message to the function', async () => {
    await call(cloud.url, 'POST', '/uploads', 'hello');
    expect(await call(cloud.url, 'GET', '/uploads')).toBe('hello');
    await expect.poll(() => bodiesOf(cloud.url, 'upload'), { timeout: 15_000 }).toEqual(['uploads/a/b/file.txt']);
  });

  it('refuses what the role of the function does not allow', async () => {
    const answer = await call<{ error: string; message: string }>(cloud.url, 'DELETE', '/uploads');
    expect(answer.error).toBe('AccessDenied');
    expect(answer.message).toContain('s3:DeleteObject');
    expect(cloud.aws.iam.denied()).toContainEqual(expect.objectContaining({ action: 's3:DeleteObject' }));
  });

  it('gives a message back when the function crashes on it', async () => {
    // The visibility timeout of six times the function's would pass; the test shortens it.
    const queue = cloud.aws.sqs.queue('dbrag-test-ingest-default');
    if (!queue) throw new Error('no queue');
    queue.settings = { ...queue.settings, visibilityTimeout: 1 };
    await call(cloud.url, 'POST', '/work', 'crash on first receive');
    await expect.poll(() => bodiesOf(cloud.url, 'ingest'), { timeout: 20_000 }).toEqual(['crash on first receive']);
  });

  it('lets the queues of a function run beside each other: what takes its time holds up nothing that is urgent', async () => {
    const [low, critical] = ['low', 'critical'].map((priority) => cloud.aws.sqs.queue(`dbrag-test-embed-${priority}`));
    if (!low || !critical) throw new Error('no queue');
    const sender = cloud.administrator.accessKeyId;
    for (let i = 0; i < 50; i += 1) low.send({ body: 'takes its time', sender });
    await expect.poll(() => low.counts().inFlight).toBeGreaterThan(0);
    critical.send({ body: 'urgent', sender });
    await expect.poll(() => bodiesOf(cloud.url, 'embed-chunks'), { timeout: 3_000 }).toContain('urgent');
    low.purge();
  });

  it('takes nothing from a queue whose mapping was stopped, until it is started again', async () => {
    const queue = cloud.aws.sqs.queue('dbrag-test-ingest-low');
    const mapping = cloud.assembly.eventSourceMappings.find(({ queueArn }) => queueArn === queue?.arn);
    const running = cloud.mappings.get(mapping?.logicalId ?? '');
    if (!queue || !running) throw new Error('no queue');
    await running.stop();
    queue.send({ body: 'while it was stopped', sender: cloud.administrator.accessKeyId });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(queue.counts()).toMatchObject({ visible: 1, inFlight: 0 });
    running.start();
    await expect.poll(() => bodiesOf(cloud.url, 'ingest'), { timeout: 5_000 }).toContain('while it was stopped');
  });

  it('streams what the streaming function writes', async () => {
    const answer = await fetch(`${cloud.url}/v1/queries`, { method: 'POST', body: '{}' });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toBe('event: delta\n\nevent: done\n\n');
  });

  it('shows metrics to Prometheus', async () => {
    const answer = await fetch(`${cloud.url}/metrics`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4']);
  });

  it('does not share its data directory', async () => {
    const second = startLocalCloud({ assemblyDirectory, dataDirectory: join(directory, 'data'), port: 0 });
    await expect(second).rejects.toMatchObject({ name: 'DirectoryInUseError' });
  });
});

describe('a start whose migration fails', () => {
  it('says why, and leaves no process and no lock', async () => {
    const start = (environment: Record<string, string>) =>
      startLocalCloud({ assemblyDirectory, dataDirectory: join(directory, 'refused'), port: 0, environment });
    await expect(start({ REFUSE_MIGRATION: 'yes' })).rejects.toThrow(/was not deployed: the migration refuses$/);
    const cloud = await start({});
    await cloud.close();
  });
});

describe('a cloud whose process is killed', () => {
  const processes: ChildProcess[] = [];

  afterAll(() => {
    for (const child of processes) child.kill('SIGKILL');
  });

  async function startProcess(): Promise<{ child: ChildProcess; url: string; childProcesses: number[] }> {
    const script = fileURLToPath(new URL('../../support/stub-cloud-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, assemblyDirectory, join(directory, 'killed')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    processes.push(child);
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const started = JSON.parse(line) as { url?: string; childProcesses: number[]; failure?: string };
    if (started.url === undefined) throw new Error(started.failure);
    return { child, url: started.url, childProcesses: started.childProcesses };
  }

  it('leaves no orphans, and everything that it accepted', async () => {
    const first = await startProcess();
    await call(first.url, 'POST', '/uploads', 'kept');
    const { QueueUrl, databasePort, processId } = await acceptedBeforeKill(first.url);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await expect.poll(() => [processId, ...first.childProcesses].some(isAlive), { timeout: 5_000 }).toBe(false);

    const second = await startProcess();
    expect(await call(second.url, 'GET', '/uploads')).toBe('kept');
    await expect.poll(() => bodiesOf(second.url, 'ingest'), { timeout: 20_000 }).toContain('accepted');
    expect(await bodiesOf(second.url, 'migration')).toEqual(['Create', 'Update']);
    // Addresses that were given out: a database that was connected is found again, as the demo's shop is.
    expect(await call<Record<string, string>>(second.url, 'GET', '/environment')).toMatchObject({
      QUEUE_URL_INGEST_DEFAULT: QueueUrl,
      DATABASE_PORT: databasePort,
    });
    second.child.kill('SIGTERM');
    const [code] = (await once(second.child, 'exit')) as [number];
    expect(code).toBe(0);
  });

  /** The message may or may not have been received when the kill comes. */
  async function acceptedBeforeKill(url: string) {
    const environment = await call<Record<string, string>>(url, 'GET', '/environment');
    const { processId } = await call<{ processId: number }>(url, 'GET', '/health');
    await call(url, 'POST', '/work', 'accepted');
    const { QUEUE_URL_INGEST_DEFAULT: QueueUrl = '', DATABASE_PORT: databasePort = '' } = environment;
    return { QueueUrl, databasePort, processId };
  }
});
