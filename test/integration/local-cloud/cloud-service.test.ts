import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCloud, type TestCloud, type TestWorkspace } from '../../support/local-cloud.ts';
import { rightsSuite } from '../api/rights.suite.ts';

let cloud: TestCloud;
let workspace: TestWorkspace;

beforeAll(async () => {
  cloud = await startTestCloud({ stage: 'local' });
  workspace = await cloud.createWorkspace();
});

afterAll(() => cloud?.close());

interface Job {
  readonly id: string;
  readonly status: string;
  readonly why: string;
}

const search = async (query: string) =>
  workspace.call<{ data: { document_name: string; text: string }[] }>('POST', '/v1/search', { query });

describe('the deployed handlers on one machine', () => {
  it('make a posted document searchable', async () => {
    const { job } = await workspace.call<{ job: Job }>('POST', '/v1/documents', {
      collection_id: workspace.collectionId,
      name: 'lighthouse.md',
      content: 'The lighthouse at Skagen was lit in 1747.',
    });
    const status = async () => (await workspace.call<Job>('GET', `/v1/jobs/${job.id}`)).status;
    await expect.poll(status, { timeout: 20_000 }).toBe('succeeded');
    expect((await search('lighthouse Skagen')).data[0]).toMatchObject({ document_name: 'lighthouse.md' });
  });

  it('make an uploaded object searchable', async () => {
    const { accessKeyId, secretAccessKey } = cloud.administrator;
    const s3 = new S3Client({
      endpoint: cloud.aws.endpoints.S3,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
    });
    const Key = `uploads/${workspace.id}/${workspace.collectionId}/harbour.txt`;
    await s3.send(
      new PutObjectCommand({ Bucket: cloud.uploadBucket, Key, Body: 'The harbour of Esbjerg opened in 1874.' }),
    );
    s3.destroy();
    const texts = async () => (await search('harbour Esbjerg')).data.map(({ text }) => text);
    await expect.poll(texts, { timeout: 20_000 }).toContain('The harbour of Esbjerg opened in 1874.');
  });

  it('keep workspaces apart', async () => {
    const other = await cloud.createWorkspace('other');
    const own = await other.call<{ data: { id: string }[] }>('GET', '/v1/collections');
    expect(own.data.map(({ id }) => id)).toEqual([other.collectionId]);
    await expect(other.call('GET', `/v1/collections/${workspace.collectionId}`)).rejects.toThrow(/404/);
  });

  it('report themselves ready', async () => {
    const answer = await fetch(`${cloud.url}/ready`);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      expect.objectContaining({ checks: expect.objectContaining({ postgres: 'ok', queues: 'ok' }) }),
    ]);
  });
});

rightsSuite(() => cloud);
