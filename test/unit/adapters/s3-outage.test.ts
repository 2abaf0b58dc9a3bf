import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createS3ObjectStore } from '../../../shared/adapters/s3/s3-object-store.ts';
import { systemClock } from '../../../shared/core/clock.ts';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import { isOutage } from '../../../shared/core/outage.ts';

let server: Server;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.includes('/broken')) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    } else if (request.url?.includes('uploads=') || request.url?.endsWith('?uploads'))
      response.end('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>');
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

const calls: readonly [string, (store: ObjectStore) => Promise<unknown>][] = [
  ['put', (store) => store.put('k', Buffer.from('x'), { contentType: 'text/plain' })],
  ['get', (store) => store.get('k', { versionId: undefined, maximumBytes: 1 })],
  ['head', (store) => store.head('k')],
  ['list', (store) => store.list('k', undefined)],
  ['delete', (store) => store.delete(['k'])],
  ['stream', (store) => store.stream('k')],
  ['body of a stream', async (store) => Array.fromAsync((await store.stream('broken')) ?? [])],
  ['part of an upload', (store) => uploadPart(store)],
  ['end of an upload', async (store) => (await begin(store)).complete()],
  ['abort of an upload', async (store) => (await begin(store)).abort()],
];

const begin = (store: ObjectStore) => store.beginUpload('k', { contentType: 'text/plain' });
/** A part is sent while the next is made: its failure shows at the end. */
async function uploadPart(store: ObjectStore): Promise<void> {
  const upload = await begin(store);
  await upload.write(Buffer.from('x'));
  await upload.complete();
}

it.each(calls)('a bucket that does not answer a %s is an outage, and no fault of the work', async (_, call) => {
  const error = await call(createS3ObjectStore('bucket', systemClock)).catch((thrown: unknown) => thrown);
  expect(isOutage(error)).toBe(true);
});
