import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../../infra/local/redis/server.ts';
import { CircuitBreaker, circuitSettings } from '../../../shared/adapters/redis/circuit-breaker.ts';
import { RedisCache } from '../../../shared/adapters/redis/redis-cache.ts';
import { whileCacheAnswers } from '../../support/answering-cache.ts';

/** A server that takes connections and never answers. */
async function startSilent(): Promise<{ url: string; close: () => void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `redis://127.0.0.1:${port}`, close };
}

/** A server that says OK to every command, after a while. */
async function startSlow(milliseconds: number): Promise<{ url: string; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const commands = data.toString('latin1').match(/\*\d+\r\n\$/g)?.length ?? 0;
      setTimeout(() => socket.write('+OK\r\n'.repeat(commands)), milliseconds);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `redis://127.0.0.1:${port}`, close };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

describe('RedisCache', () => {
  let url: string;
  let stop: () => Promise<void>;
  const failures: unknown[] = [];
  const open: RedisCache[] = [];
  const create = (at: string, breaker?: CircuitBreaker) => {
    const cache = new RedisCache({ url: at, onFailure: (error) => failures.push(error) }, breaker);
    open.push(cache);
    return cache;
  };

  beforeAll(async () => {
    const native = process.env.LOCAL_REDIS_URL;
    if (native) {
      url = native;
      stop = async () => {};
      return;
    }
    const redis = await startRedis();
    url = redis.url;
    stop = () => redis.close();
  });
  afterAll(async () => {
    await Promise.all(open.map((cache) => cache.close()));
    await stop();
  });

  it('keeps binary values over many slices, in the order of the keys', whileCacheAnswers, async () => {
    const before = failures.length;
    const cache = create(url);
    const entries = Array.from({ length: 300 }, (_, i) => ({
      key: `emb:{t:${i % 7}}:${i}`,
      value: Buffer.from([0, 255, i % 256, 13, 10]),
    }));
    await cache.setMany(entries, 60);
    const asked = [...entries.map(({ key }) => key), 'emb:{t:0}:missing'];
    const found = await cache.getMany(asked);
    expect(found.slice(0, 300).map((value) => Buffer.from(value as Uint8Array))).toEqual(
      entries.map(({ value }) => value),
    );
    expect(found[300]).toBeUndefined();
    await cache.delete([entries[0]?.key as string]);
    expect((await cache.getMany([entries[0]?.key as string]))[0]).toBeUndefined();
    expect(failures.slice(before)).toEqual([]);
  });

  it('takes the vectors of a whole request, slice by slice', whileCacheAnswers, async () => {
    const before = failures.length;
    const cache = create(url);
    const value = Buffer.alloc(8 + 4 * 1_536, 7);
    const entries = Array.from({ length: 512 }, (_, i) => ({ key: `emb:{large:${i % 256}}:${i}`, value }));
    const milliseconds = await timed(() => cache.setMany(entries, 60));
    const found = await cache.getMany(entries.map(({ key }) => key));
    // It goes no further after a quarter of a second, and what is in flight then ends within its own limit.
    expect(milliseconds).toBeLessThan(1_000);
    expect(found.filter((each) => each?.byteLength === value.byteLength).length).toBeGreaterThan(0);
    expect(failures.length - before).toBeLessThan(entries.length / 16);
  });

  it('a write may take longer than a look', async () => {
    const slow = await startSlow(100);
    const cache = create(slow.url);
    const before = failures.length;
    await cache.setMany([{ key: 'a', value: Buffer.from('x') }], 60);
    expect(failures.slice(before)).toEqual([]);
    await cache.getMany(['a']);
    expect(failures.slice(before)).toMatchObject([{ message: 'Command timed out' }]);
    slow.close();
  });

  it('a server that is not there costs milliseconds and no error', async () => {
    const cache = create('redis://127.0.0.1:1');
    expect(await cache.getMany(['a'])).toEqual([undefined]);
    for (let i = 0; i < 10; i += 1) expect(await timed(() => cache.getMany(['a', 'b']))).toBeLessThan(60);
    await cache.setMany([{ key: 'a', value: Buffer.from('x') }], 60);
    await cache.delete(['a']);
    expect(failures.length).toBeGreaterThan(0);
  });

  it('a server that is frozen costs its time limit five times, then nothing', async () => {
    const silent = await startSilent();
    const cache = create(silent.url);
    for (let i = 0; i < 5; i += 1) expect(await timed(() => cache.getMany(['a']))).toBeLessThan(700);
    const after = await timed(async () => {
      for (let i = 0; i < 100; i += 1) await cache.getMany(['a']);
    });
    expect(after).toBeLessThan(20);
    silent.close();
  });
});

describe('CircuitBreaker', () => {
  it('opens after five failures, lets one try after five seconds, closes when that succeeds', () => {
    let now = 0;
    const breaker = new CircuitBreaker({ ...circuitSettings, now: () => now });
    for (let i = 0; i < 5; i += 1) {
      expect(breaker.allows()).toBe(true);
      breaker.failed();
    }
    expect(breaker.allows()).toBe(false);
    now = 5_000;
    expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
    breaker.failed();
    now = 9_999;
    expect(breaker.allows()).toBe(false);
    now = 10_000;
    expect(breaker.allows()).toBe(true);
    breaker.succeeded();
    expect([breaker.allows(), breaker.allows()]).toEqual([true, true]);
  });
});
