import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createKmsKeyService } from '../../../shared/adapters/kms/kms-key-service.ts';
import { isOutage } from '../../../shared/core/outage.ts';

/** What the server answers next. */
let answer: { readonly status: number; readonly type: string };
let server: Server;
beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ __type: answer.type }));
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

it.each([
  { status: 503, type: 'DependencyTimeoutException', expected: true },
  { status: 400, type: 'ThrottlingException', expected: true },
  { status: 500, type: 'KMSInternalException', expected: true },
  { status: 500, type: 'KeyUnavailableException', expected: true },
  { status: 400, type: 'RequestTimeoutException', expected: true },
  { status: 400, type: 'InvalidCiphertextException', expected: false },
  { status: 400, type: 'KMSInvalidStateException', expected: false },
  { status: 400, type: 'DisabledException', expected: false },
  { status: 400, type: 'ExpiredTokenException', expected: false },
  { status: 400, type: 'AccessDeniedException', expected: false },
])('$type of the key service is an outage: $expected', async ({ status, type, expected }) => {
  answer = { status, type };
  const service = createKmsKeyService('key');
  const outcome = (call: Promise<unknown>) => call.catch((error: unknown) => isOutage(error));
  expect(await outcome(service.unwrap(Buffer.from('x'), {}))).toBe(expected);
  expect(await outcome(service.generate({}))).toBe(expected);
});

const failure = (url: string) => {
  vi.stubEnv('AWS_ENDPOINT_URL', url);
  return createKmsKeyService('key')
    .generate({})
    .catch((error: unknown) => error);
};

it('a connection that is refused, cut off, or leads to no host is an outage', async () => {
  const cutting = createServer((request) => request.socket.destroy());
  await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve));
  const { port } = cutting.address() as AddressInfo;
  expect(isOutage(await failure(`http://127.0.0.1:${port}`))).toBe(true);
  await new Promise((resolve) => cutting.close(resolve));
  expect(isOutage(await failure(`http://127.0.0.1:${port}`))).toBe(true);
  expect(isOutage(await failure('http://nowhere.invalid'))).toBe(true);
});

it('a request that could not even be made is none: it would be made again and again until its deadline', async () => {
  const wrong = await failure('no address');
  expect(wrong).toBeInstanceOf(TypeError);
  expect(isOutage(wrong)).toBe(false);
});
