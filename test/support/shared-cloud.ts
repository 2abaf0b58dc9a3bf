import { inject } from 'vitest';
import { createWorkspace, type TestCloud, type TestWorkspace } from './local-cloud.ts';

/** What a test of another process can know of the shared cloud. */
export interface SharedCloudDescription {
  readonly url: string;
  readonly operatorKey: string;
  readonly s3: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly adminDatabaseUrl: string;
  readonly redisUrl: string;
  readonly modelBaseUrl: string;
  readonly queues: Readonly<Record<string, string>>;
}

export interface SharedCloud extends SharedCloudDescription {
  /** A workspace of its own with one collection, so that tests do not see each other. */
  createWorkspace(name?: string): Promise<TestWorkspace>;
}

export function describeSharedCloud(cloud: TestCloud): SharedCloudDescription {
  const { accessKeyId, secretAccessKey } = cloud.administrator;
  return {
    url: cloud.url,
    operatorKey: cloud.operatorKey,
    s3: { endpoint: cloud.aws.endpoints.S3, bucket: cloud.uploadBucket, accessKeyId, secretAccessKey },
    adminDatabaseUrl: cloud.database.adminUrl,
    redisUrl: cloud.redisUrl,
    modelBaseUrl: cloud.models.baseUrl,
    queues: Object.fromEntries(cloud.assembly.queues.map(({ name, url }) => [name, url])),
  };
}

/** The local cloud that all tests of a run share, with the deployed handlers and the fake models. Starts it when nobody has. */
export async function sharedCloud(): Promise<SharedCloud> {
  const answer = await fetch(inject('sharedCloudUrl'));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The shared cloud did not start: ${text}`);
  const description = JSON.parse(text) as SharedCloudDescription;
  return { ...description, createWorkspace: (name = 'test') => createWorkspace(description, name) };
}
