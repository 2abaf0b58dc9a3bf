import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createS3ObjectStore } from '../../../shared/adapters/s3/s3-object-store.ts';
import { systemClock } from '../../../shared/core/clock.ts';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import { isOutage } from '../../../shared/core/outage.ts';

let server: Server;
/** What the server answers next, where it is not away. */
let answer: { readonly status: number; readonly body: string } | undefined;
beforeEach(() => {
  answer = undefined;
});
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.includes('/broken')) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    } else if (request.url?.includes('/ended')) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.end());
    } else if (/[?&]versions/.test(request.url ?? ''))
      response.end('<ListVersionsResult><Version><Key>k</Key><VersionId>1</VersionId></Version></ListVersionsResult>');
    else if (answer) response.writeHead(answer.status).end(answer.body);
    else if (request.url?.includes('uploads=') || request.url?.endsWith('?uploads'))
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
  ['end of the body of a stream', async (store) => Array.fromAsync((await store.stream('ended')) ?? [])],
  ['body', (store) => store.get('broken', { versionId: undefined, maximumBytes: 100 })],
  ['end of a body', (store) => store.get('ended', { versionId: undefined, maximumBytes: 100 })],
  ['purge', (store) => store.purge('k')],
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

const failure = (call: (store: ObjectStore) => Promise<unknown>) =>
  call(createS3ObjectStore('bucket', systemClock)).catch((error: unknown) => error);
const put = (store: ObjectStore) => store.put('k', Buffer.from('x'), { contentType: 'text/plain' });
const errorOf = (code: string) => `<Error><Code>${code}</Code><Message>refused</Message></Error>`;

it.each([
  [400, 'RequestTimeout', true],
  [429, 'TooManyRequests', true],
  [500, 'InternalError', true],
  [503, 'SlowDown', true],
  [400, 'ExpiredToken', false],
  [400, 'InvalidArgument', false],
  [403, 'AccessDenied', false],
])('an answer %i %s is an outage: %s', async (status, code, expected) => {
  answer = { status, body: errorOf(code) };
  const error = await failure(put);
  expect([error instanceof Error, isOutage(error)]).toEqual([true, expected]);
});

it('a listing that breaks off in the middle is an outage', async () => {
  answer = { status: 200, body: '<ListBucketResult><Contents><Key>' };
  expect(isOutage(await failure((store) => store.list('k', undefined)))).toBe(true);
});

it.each([
  ['SlowDown', true],
  ['InternalError', true],
  ['AccessDenied', false],
])('objects that are not deleted for %s are an outage: %s', async (code, expected) => {
  answer = {
    status: 200,
    body: `<DeleteResult><Error><Key>k</Key><Code>${code}</Code></Error></DeleteResult>`,
  };
  for (const call of [(store: ObjectStore) => store.delete(['k']), (store: ObjectStore) => store.purge('k')]) {
    const error = await failure(call);
    expect([error instanceof Error, isOutage(error)]).toEqual([true, expected]);
  }
});

const at = async (url: string, call: (store: ObjectStore) => Promise<unknown>) => {
  const before = process.env.AWS_ENDPOINT_URL;
  vi.stubEnv('AWS_ENDPOINT_URL', url);
  try {
    return await failure(call);
  } finally {
    vi.stubEnv('AWS_ENDPOINT_URL', before);
  }
};

it('a connection that is refused, cut off, or leads to no host is an outage', async () => {
  const cutting = createServer((request) => request.socket.destroy());
  await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve));
  const { port } = cutting.address() as AddressInfo;
  expect(isOutage(await at(`http://127.0.0.1:${port}`, put))).toBe(true);
  await new Promise((resolve) => cutting.close(resolve));
  expect(isOutage(await at(`http://127.0.0.1:${port}`, put))).toBe(true);
  expect(isOutage(await at('http://nowhere.invalid', put))).toBe(true);
});

it('a request that could not even be made is none: it would be made again and again until its deadline', async () => {
  const wrong = await at('no address', put);
  expect(wrong).toBeInstanceOf(TypeError);
  expect(isOutage(wrong)).toBe(false);
});
