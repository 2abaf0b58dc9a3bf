import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../../infra/local/cloud.ts';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { callApi } from '../../infra/local/start/first-workspace.ts';
import { modelKeyCanary } from './canaries.ts';
import { type FakeModelServer, startFakeModelServer } from './fake-model-server/server.ts';
import { watchRights } from './record-rights.ts';

export interface TestCloud extends LocalCloud {
  readonly models: FakeModelServer;
  /** What functions and servers have printed so far. */
  readonly lines: readonly string[];
  /** A workspace of its own with one collection, so that tests on one cloud do not see each other. */
  createWorkspace(name?: string): Promise<TestWorkspace>;
}

export interface TestWorkspace {
  readonly id: string;
  readonly apiKey: string;
  readonly collectionId: string;
  /** Calls the API with the workspace's key; throws `ApiError` for every status that is no success. */
  call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>;
}

export type TestCloudOptions = Partial<
  Pick<LocalCloudOptions, 'databaseUrl' | 'redisUrl' | 'concurrency' | 'environment' | 'dataDirectory'>
> & {
  /** `test` unless told: the local stage with short time-outs. */
  readonly stage?: string;
};

/**
 * The deployed handlers in a local cloud of the `test` stage, with the fake model server. The assembly is synthesised once
 * for the same sources; `LOCAL_DATABASE_URL` is not heeded, since a test must not touch a database that it did not make.
 */
export async function startTestCloud(options: TestCloudOptions = {}): Promise<TestCloud> {
  const { stage = 'test', dataDirectory = mkdtempSync(join(tmpdir(), 'dbrag-test-cloud-')), ...rest } = options;
  const models = await startFakeModelServer();
  const lines: string[] = [];
  const removeData = (): void => {
    if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true });
  };
  try {
    const cloud = await startLocalCloud({
      assemblyDirectory: () => assemblyOf(stage),
      dataDirectory,
      port: 0,
      models: { apiKey: modelKeyCanary, baseUrl: models.baseUrl },
      log: (line) => lines.push(line),
      onFunctionLine: (name, line) => lines.push(`${name}: ${line}`),
      withoutRight: process.env.WITHOUT_RIGHT,
      ...rest,
    });
    const recordRights = watchRights(cloud);
    return {
      ...cloud,
      models,
      lines,
      createWorkspace: (name = 'test') => createWorkspace(cloud, name),
      async close() {
        recordRights();
        await cloud.close();
        await models.close();
        removeData();
      },
    };
  } catch (error) {
    await models.close();
    removeData();
    throw error;
  }
}

/** Makes a workspace with one collection through the HTTP API. */
export async function createWorkspace(
  cloud: Pick<LocalCloud, 'url' | 'operatorKey'>,
  name: string,
): Promise<TestWorkspace> {
  const { id, api_key } = await callApi<{ id: string; api_key: { secret: string } }>(
    cloud.url,
    cloud.operatorKey,
    'POST',
    '/v1/workspaces',
    { name },
  );
  const call: TestWorkspace['call'] = (method, path, body) => callApi(cloud.url, api_key.secret, method, path, body);
  const collection = await call<{ id: string }>('POST', '/v1/collections', { name: 'documents' });
  return { id, apiKey: api_key.secret, collectionId: collection.id, call };
}
