import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../../infra/local/cloud/server-process.ts';

let server: ServerProcess;
const lines: string[] = [];

beforeAll(async () => {
  server = await startServerProcess('redis', (line) => lines.push(line));
});

afterAll(() => server?.close());

async function ping(): Promise<string> {
  const client = new Redis(server.url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.ping();
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.disconnect();
  }
}

describe('a server in a process of its own', () => {
  it('is there again, at the same address, after it was killed', async () => {
    expect(await ping()).toBe('PONG');
    const before = server.processId;
    process.kill(before, 'SIGKILL');
    await expect.poll(() => server.processId, { timeout: 10_000 }).not.toBe(before);
    await expect.poll(ping, { timeout: 10_000 }).toBe('PONG');
    expect(lines).toContain('redis: ended by itself (SIGKILL); it is started again');
  });

  it('is gone after close', async () => {
    const { processId } = server;
    await server.close();
    expect(() => process.kill(processId, 0)).toThrow(/ESRCH/);
  });
});
