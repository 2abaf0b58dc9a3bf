import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { getSecretValue } from '../../../shared/adapters/secrets/get-secret-value.ts';
import { createSecretReader } from '../../../shared/adapters/secrets/secret-reader.ts';

const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:model';
let server: Server;
let current: string;
let asked: number;
let headers: IncomingHttpHeaders[];
/** What is answered instead of the secret, one after the other. */
let refusals: { readonly status: number; readonly type: string }[];
/** Whether the server answers at all. */
let isAway: boolean;
let now: number;
let fallbacks: string[];
const reader = (options: { patience?: number } = {}) =>
  createSecretReader(
    { now: () => new Date(now) },
    { ...options, onFallback: (error) => void fallbacks.push((error as Error).message) },
  );

beforeAll(async () => {
  server = createServer((request, response) => {
    asked++;
    headers.push(request.headers);
    request.resume();
    if (isAway) return;
    const refusal = refusals.shift();
    if (refusal) {
      response.writeHead(refusal.status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: refusal.type, message: 'refused' }));
      return;
    }
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
  [current, asked, isAway, now, headers, refusals, fallbacks] = ['one', 0, false, 0, [], [], []];
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
    const secrets = reader({ patience: 100 });
    // A busy machine may need more than the wait.
    await expect.poll(() => secrets.read(arn).catch(() => undefined), { timeout: 15_000 }).toBe('one');
    isAway = true;
    now = 300_000;
    expect(await secrets.read(arn)).toBe('one');
    await expect(secrets.refresh(arn)).rejects.toThrow();
  });

  it('takes one signed request, which is not the client of the SDK', async () => {
    vi.stubEnv('AWS_SESSION_TOKEN', 'session');
    expect(await reader().read(arn)).toBe('one');
    vi.stubEnv('AWS_SESSION_TOKEN', '');
    expect(headers).toHaveLength(1);
    expect(headers[0]).toMatchObject({
      'x-amz-target': 'secretsmanager.GetSecretValue',
      'x-amz-security-token': 'session',
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=x\/\d{8}\/us-east-1\/secretsmanager\/aws4_request, SignedHeaders=\S*host;\S*x-amz-security-token;/,
      ),
    });
    expect(headers[0]?.['user-agent']).toBeUndefined();
    expect(fallbacks).toEqual([]);
  });

  it('is read by the client where that request fails, which knows when to repeat it', async () => {
    refusals = Array(2).fill({ status: 503, type: 'ServiceUnavailable' });
    expect(await reader().read(arn)).toBe('one');
    expect(headers.map((each) => /^aws-sdk-js/.test(each['user-agent'] ?? ''))).toEqual([false, true, true]);
    expect(fallbacks).toEqual([
      expect.stringContaining('Secrets Manager answered 503: {"__type":"ServiceUnavailable"'),
    ]);
  });

  it('is refused with the error that the client names', async () => {
    refusals = Array(2).fill({ status: 400, type: 'ResourceNotFoundException' });
    await expect(reader().read(arn)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect(asked).toBe(2);
  });

  it('is not asked for by an unsigned request', async () => {
    const { AWS_ENDPOINT_URL_SECRETS_MANAGER } = process.env;
    expect(
      await getSecretValue(arn, 100, { AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_REGION: 'us-east-1' }),
    ).toBeUndefined();
    expect(asked).toBe(0);
  });

  it.each(['AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'])(
    'is left to the client where %s is set',
    async (name) => {
      expect(await getSecretValue(arn, 2_000, { ...process.env, [name]: 'true' })).toBeUndefined();
      expect(asked).toBe(0);
    },
  );
});
