import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { authenticate, type Identity } from '../../../infra/local/aws/authenticate.ts';
import { AwsError } from '../../../infra/local/aws/aws-error.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';

const iam = createAuthorizer();
const person = iam.issueAccessKey('person', 'administrator');
let server: Server;
let client: S3Client;
let endpoint = '';
let seen: (Identity | AwsError)[] = [];

async function examine(request: IncomingMessage): Promise<Identity | AwsError> {
  const { method = '', url = '', headers } = request;
  try {
    return await authenticate({ service: 's3', method, url, headers }, iam, Date.now());
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const result = await examine(request);
    seen.push(result);
    for await (const _chunk of request);
    response.statusCode = result instanceof AwsError ? result.status : 200;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials: person, maxAttempts: 1 });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const odd = "uploads/ws_1/ї & ü/a+b (1)'s *!~#?%25=.txt";

describe('the stock S3 client', () => {
  test.each([odd, 'plain.txt', 'a//b/../c/./d'])('signs a put of %j', async (Key) => {
    await client.send(
      new PutObjectCommand({
        Bucket: 'bucket',
        Key,
        Body: 'text',
        ContentType: 'text/plain',
        Metadata: { a: ' two  spaces ' },
      }),
    );
    expect(seen).toMatchObject([{ principal: { name: 'person' }, presigned: false }]);
  });
  test('signs a stream with a trailing checksum', async () => {
    const Body = Readable.from([Buffer.from('some text')]);
    const put = new PutObjectCommand({
      Bucket: 'bucket',
      Key: 'k',
      Body,
      ContentLength: 9,
      ChecksumAlgorithm: 'CRC32',
    });
    await client.send(put);
    expect(seen).toMatchObject([{ principal: { name: 'person' }, payloadHash: expect.stringMatching(/^STREAMING-/) }]);
  });
  test('signs a query with odd values', async () => {
    await client
      .send(new ListObjectsV2Command({ Bucket: 'bucket', Prefix: odd, Delimiter: '/', StartAfter: ' +&=' }))
      .catch(() => {});
    expect(seen).toMatchObject([{ principal: { name: 'person' } }]);
  });
  test('with a wrong secret is refused', async () => {
    const credentials = { ...person, secretAccessKey: 'wrong' };
    const other = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials, maxAttempts: 1 });
    const error = await other.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'k' })).catch((reason) => reason);
    other.destroy();
    expect(error.$metadata.httpStatusCode).toBe(403);
    expect(seen).toMatchObject([{ code: 'SignatureDoesNotMatch' }]);
  });
});

describe('the stock presigner', () => {
  const signer = () =>
    new S3Client({
      ...{ region: 'us-east-1', endpoint, forcePathStyle: true, credentials: person },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
  const presign = (expiresIn: number, signingDate?: Date) =>
    getSignedUrl(
      signer(),
      new PutObjectCommand({ Bucket: 'bucket', Key: odd, ContentType: 'text/plain', ContentLength: 4 }),
      {
        expiresIn,
        signableHeaders: new Set(['content-type', 'content-length']),
        ...(signingDate === undefined ? {} : { signingDate }),
      },
    );
  const put = async (url: string, body = 'text', type = 'text/plain') =>
    (await fetch(url, { method: 'PUT', body, headers: { 'content-type': type } })).status;

  test('makes a URL that lets exactly that put through', async () => {
    const url = await presign(60);
    expect(await put(url)).toBe(200);
    expect(seen).toMatchObject([{ principal: { name: 'person' }, presigned: true, payloadHash: 'UNSIGNED-PAYLOAD' }]);
    expect(seen[0]).toMatchObject({ signedHeaders: ['content-length', 'content-type', 'host'] });
    expect(await put(url, 'longer')).toBe(403);
    expect(await put(url, 'text', 'text/html')).toBe(403);
    expect(await put(url.replace('txt', 'exe'))).toBe(403);
    expect((await fetch(url)).status).toBe(403);
  });
  test('makes a URL that expires', async () => {
    expect(await put(await presign(60, new Date(Date.now() - 61_000)))).toBe(403);
    expect(seen).toMatchObject([{ code: 'AccessDenied', message: 'Request has expired' }]);
    expect(await put(await presign(60, new Date(Date.now() - 50_000)))).toBe(200);
  });
});
