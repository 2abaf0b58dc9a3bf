import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLambdaQueryDatabase } from '../../../shared/adapters/lambda/lambda-query-database.ts';
import type { QueryDatabaseRequest } from '../../../shared/databases/query-database.message.ts';

describe('the function that queries databases', () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"ok":true,"result":[]}'));
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  afterEach(() => vi.unstubAllEnvs());

  it('is asked within a deadline that is no whole number of milliseconds, as a share of the time left is', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const request = { deadline: Math.floor(Date.now()) + 4_000.5 } as QueryDatabaseRequest;
    await expect(createLambdaQueryDatabase('query').ask(request)).resolves.toEqual({ ok: true, result: [] });
  });
});
