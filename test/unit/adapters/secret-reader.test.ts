import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSecretReader } from '../../../shared/adapters/secrets/secret-reader.ts';

const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:model';
let server: Server;
let current: string;
let asked: number;
/** Whether the server answers at all. */
let isAway: boolean;
let now: number;
const reader = () => createSecretReader({ now: () => new Date(now) }, 100);

beforeAll(async () => {
  server = createServer((request, response) => {
    asked++;
    request.resume();
    if (isAway) return;
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ ARN: arn, Name: 'model', SecretString: current }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  [current, asked, isAway, now] = ['one', 0, false, 0];
});

describe('a secret', () => {
  it('is kept for five minutes, and read again after them', async () => {
    const secrets = reader();
    expect(await secrets.read(arn)).toBe('one');
    current = 'two';
    now = 299_999;
    expect(await secrets.read(arn)).toBe('one');
    now = 300_000;
    expect(await secrets.read(arn)).toBe('two');
    expect(asked).toBe(2);
  });

  it('is read at once where the one that is kept was refused, by many together once', async () => {
    const secrets = reader();
    await secrets.read(arn);
    current = 'two';
    expect(await Promise.all(Array.from({ length: 20 }, () => secrets.refresh(arn)))).toEqual(Array(20).fill('two'));
    expect(await secrets.read(arn)).toBe('two');
    expect(asked).toBe(2);
  });

  it('is used on when it is old and no newer can be had, after a wait that ends', async () => {
    const secrets = reader();
    await secrets.read(arn);
    isAway = true;
    now = 300_000;
    expect(await secrets.read(arn)).toBe('one');
    await expect(secrets.refresh(arn)).rejects.toThrow();
  });
});
