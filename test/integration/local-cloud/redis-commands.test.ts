import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, redisTargets } from './redis-targets.ts';

/** Every byte value, so that any text decoding on the way would show. */
const BYTES = Buffer.from(Array.from({ length: 6_144 }, (_, position) => (position * 7) % 256));

describe.each(redisTargets)('commands on $name', (target) => {
  let server: Awaited<ReturnType<typeof target.start>>;
  let redis: Redis;

  beforeAll(async () => {
    server = await target.start();
    redis = await connect(server.url);
  });
  beforeEach(async () => {
    await redis.flushall();
  });
  afterAll(async () => {
    redis.disconnect();
    await server.close();
  });

  test('strings keep their bytes', async () => {
    await redis.set('k', BYTES);
    expect((await redis.getBuffer('k'))?.equals(BYTES)).toBe(true);
    await redis.mset('a', BYTES, 'b', '');
    expect(await redis.mgetBuffer('a', 'missing', 'b')).toEqual([BYTES, null, Buffer.alloc(0)]);
    const key = Buffer.from([0, 255, 13, 10]);
    await redis.hset('h', key, BYTES);
    expect((await redis.hgetBuffer('h', key))?.equals(BYTES)).toBe(true);
    await redis.sadd('s', key);
    expect(await redis.smembersBuffer('s')).toEqual([key]);
  });

  test('SET options', async () => {
    expect(await redis.set('k', '1', 'NX')).toBe('OK');
    expect(await redis.set('k', '2', 'NX')).toBeNull();
    expect(await redis.set('k', '2', 'EX', 100, 'XX')).toBe('OK');
    expect(await redis.ttl('k')).toBe(100);
    expect(await redis.set('k', '3', 'KEEPTTL')).toBe('OK');
    expect(await redis.ttl('k')).toBe(100);
    expect(await redis.call('SET', 'k', '4', 'GET')).toBe('3');
    expect(await redis.ttl('k')).toBe(-1);
    expect(await redis.set('new', '1', 'XX')).toBeNull();
    await expect(redis.call('SET', 'k', 'v', 'NX', 'XX')).rejects.toThrow('ERR syntax error');
    await expect(redis.set('k', 'v', 'EX', 0)).rejects.toThrow("ERR invalid expire time in 'set' command");
    await expect(redis.set('k', 'v', 'PX', 'x')).rejects.toThrow('ERR value is not an integer or out of range');
  });

  test('GETEX, GETDEL, SETEX, PSETEX, SETNX, APPEND, STRLEN', async () => {
    await redis.setex('k', 10, 'v');
    expect(await redis.getex('k', 'PERSIST')).toBe('v');
    expect(await redis.ttl('k')).toBe(-1);
    await redis.getex('k', 'PX', 5_000);
    expect(await redis.pttl('k')).toBeGreaterThan(4_000);
    expect(await redis.append('k', 'w')).toBe(2);
    expect(await redis.strlen('k')).toBe(2);
    expect(await redis.pttl('k')).toBeGreaterThan(4_000);
    expect(await redis.getdel('k')).toBe('vw');
    expect(await redis.exists('k', 'k')).toBe(0);
    expect([await redis.setnx('n', '1'), await redis.setnx('n', '2')]).toEqual([1, 0]);
    await redis.psetex('p', 20, 'v');
    await expect.poll(() => redis.get('p'), { interval: 5 }).toBeNull();
  });

  test('expiry and its conditions', async () => {
    await redis.set('k', 'v');
    expect(await redis.expire('missing', 10)).toBe(0);
    expect(await redis.expire('k', 10, 'XX')).toBe(0);
    expect(await redis.expire('k', 10, 'GT')).toBe(0);
    expect(await redis.expire('k', 10, 'NX')).toBe(1);
    expect(await redis.expire('k', 5, 'GT')).toBe(0);
    expect(await redis.pexpire('k', 5_000, 'LT')).toBe(1);
    expect(await redis.persist('k')).toBe(1);
    expect(await redis.persist('k')).toBe(0);
    expect(await redis.ttl('missing')).toBe(-2);
    expect(await redis.expire('k', -1)).toBe(1);
    expect(await redis.exists('k')).toBe(0);
  });

  test('counters are exact and bounded', async () => {
    expect([
      await redis.incr('n'),
      await redis.incrby('n', 5),
      await redis.decr('n'),
      await redis.decrby('n', 10),
    ]).toEqual([1, 6, 5, -5]);
    await redis.set('big', '9223372036854775806');
    await redis.incr('big');
    expect(await redis.get('big')).toBe('9223372036854775807');
    await expect(redis.incr('big')).rejects.toThrow('ERR increment or decrement would overflow');
    await redis.set('text', 'ten');
    await expect(redis.incr('text')).rejects.toThrow('ERR value is not an integer or out of range');
    expect(await redis.incrbyfloat('f', 0.1)).toBe('0.1');
    expect(await redis.incrbyfloat('f', 0.2)).toBe('0.3');
    expect(await redis.incrbyfloat('f', 4.7)).toBe('5');
    expect(await redis.incrbyfloat('f', '-5.5e1')).toBe('-50');
  });

  test('hashes', async () => {
    expect(await redis.hset('h', 'a', '1', 'b', '2')).toBe(2);
    expect(await redis.hset('h', { a: '3', c: '4' })).toBe(1);
    expect(await redis.hgetall('h')).toEqual({ a: '3', b: '2', c: '4' });
    expect(await redis.hmget('h', 'a', 'x')).toEqual(['3', null]);
    expect(await redis.hincrby('h', 'a', 2)).toBe(5);
    expect(await redis.hincrbyfloat('h', 'f', 1.5)).toBe('1.5');
    await expect(redis.hincrby('h', 'f', 1)).rejects.toThrow('ERR hash value is not an integer');
    expect([await redis.hexists('h', 'a'), await redis.hexists('h', 'x')]).toEqual([1, 0]);
    expect(await redis.hdel('h', 'a', 'b', 'c', 'f', 'x')).toBe(4);
    expect(await redis.exists('h')).toBe(0);
  });

  test('sets and lists', async () => {
    expect(await redis.sadd('s', 'a', 'b', 'a')).toBe(2);
    expect((await redis.smembers('s')).sort()).toEqual(['a', 'b']);
    expect([await redis.sismember('s', 'a'), await redis.scard('s'), await redis.srem('s', 'a', 'x')]).toEqual([
      1, 2, 1,
    ]);
    expect(await redis.rpush('l', '1', '2', '3')).toBe(3);
    expect(await redis.lpush('l', '0', '-1')).toBe(5);
    expect(await redis.lrange('l', 0, -1)).toEqual(['-1', '0', '1', '2', '3']);
    expect(await redis.lrange('l', -2, 100)).toEqual(['2', '3']);
    expect(await redis.lrange('l', 3, 1)).toEqual([]);
    expect([await redis.lpop('l'), await redis.rpop('l'), await redis.llen('l')]).toEqual(['-1', '3', 3]);
    expect(await redis.lpop('l', 10)).toEqual(['0', '1', '2']);
    expect([await redis.lpop('l'), await redis.exists('l')]).toEqual([null, 0]);
  });

  test('sorted sets', async () => {
    expect(await redis.zadd('z', 3, 'c', 1, 'a', 2, 'b', 2, 'aa')).toBe(4);
    expect(await redis.zrange('z', '0', '-1', 'WITHSCORES')).toEqual(['a', '1', 'aa', '2', 'b', '2', 'c', '3']);
    expect(await redis.zrange('z', '0', '0', 'REV')).toEqual(['c']);
    expect(await redis.zrangebyscore('z', '(1', 2)).toEqual(['aa', 'b']);
    expect(await redis.zrangebyscore('z', '-inf', '+inf', 'LIMIT', 1, 2)).toEqual(['aa', 'b']);
    expect(await redis.zadd('z', 'GT', 'CH', 1, 'c', 5, 'a')).toBe(1);
    expect(await redis.zscore('z', 'a')).toBe('5');
    expect(await redis.zadd('z', 'INCR', 1.5, 'a')).toBe('6.5');
    expect(await redis.zremrangebyscore('z', '-inf', '(3')).toBe(2);
    expect([await redis.zcard('z'), await redis.zrem('z', 'a', 'c', 'x'), await redis.exists('z')]).toEqual([2, 2, 0]);
    await expect(redis.zadd('z', 'x', 'm')).rejects.toThrow('ERR value is not a valid float');
  });

  test('wrong types and unknown commands are errors of the command, not of the connection', async () => {
    await redis.set('k', 'v');
    await expect(redis.hget('k', 'f')).rejects.toThrow(
      'WRONGTYPE Operation against a key holding the wrong kind of value',
    );
    await expect(redis.call('NOSUCH', 'x')).rejects.toThrow(/^ERR unknown command 'NOSUCH'/);
    await expect(redis.call('GET')).rejects.toThrow("ERR wrong number of arguments for 'get' command");
    expect(await redis.mget('k')).toEqual(['v']);
  });

  test('SCAN sees every key that stays, KEYS and TYPE', async () => {
    const names = Array.from({ length: 250 }, (_, number) => `emb:{w:${number % 7}}:${number}`);
    await redis.mset(names.flatMap((name) => [name, '1']));
    await redis.sadd('emb:set', 'x');
    const seen = new Set<string>();
    for await (const batch of redis.scanStream({ match: 'emb:{w:[0-3]}*', count: 20 })) {
      for (const key of batch as string[]) seen.add(key);
      await redis.del('emb:{w:6}:6');
    }
    expect(seen).toEqual(new Set(names.filter((name) => /\{w:[0-3]\}/.test(name))));
    const [, sets] = await redis.scan(0, 'COUNT', 1_000, 'TYPE', 'set');
    expect(sets).toEqual(['emb:set']);
    expect((await redis.keys('emb:*:1?')).sort()).toEqual(names.filter((name) => /:1\d$/.test(name)).sort());
    expect([await redis.type('emb:set'), await redis.type('missing'), await redis.dbsize()]).toEqual([
      'set',
      'none',
      250,
    ]);
    await expect(redis.call('SCAN', 'x')).rejects.toThrow('ERR invalid cursor');
  });

  test('transactions', async () => {
    const results = await redis.multi().set('k', '1').incr('k').hget('k', 'f').get('k').exec();
    expect(results?.map(([error, value]) => error?.message ?? value)).toEqual([
      'OK',
      2,
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      '2',
    ]);
    const other = redis.duplicate();
    await redis.watch('k');
    await other.set('k', 'changed');
    expect(await redis.multi().set('k', 'mine').exec()).toBeNull();
    expect(await redis.get('k')).toBe('changed');
    await redis.watch('k');
    expect(await redis.multi().set('k', 'mine').exec()).toEqual([[null, 'OK']]);
    await expect(redis.multi().call('NOSUCH').exec()).rejects.toThrow('EXECABORT');
    await expect(redis.call('EXEC')).rejects.toThrow('ERR EXEC without MULTI');
    other.disconnect();
  });

  test('publish and subscribe', async () => {
    const listener = redis.duplicate();
    const received: [string, string][] = [];
    listener.on('message', (channel, message) => received.push([channel, message]));
    await listener.subscribe('one', 'two');
    expect(await redis.publish('one', 'hello')).toBe(1);
    expect(await redis.publish('three', 'nobody')).toBe(0);
    await expect.poll(() => received).toEqual([['one', 'hello']]);
    await listener.unsubscribe();
    expect(await redis.publish('one', 'again')).toBe(0);
    expect(await listener.get('k')).toBeNull();
    listener.disconnect();
  });

  test('a pipeline is answered in order', async () => {
    const pipeline = redis.pipeline();
    for (let number = 0; number < 5_000; number++) pipeline.incr('n');
    const results = await pipeline.exec();
    expect(results?.map(([, value]) => value)).toEqual(Array.from({ length: 5_000 }, (_, number) => number + 1));
  });

  test('what clients ask of a server', async () => {
    expect(await redis.ping()).toBe('PONG');
    expect(await redis.echo('ü')).toBe('ü');
    expect(await redis.info()).toMatch(/redis_version:\d+/);
    expect(await redis.client('SETNAME', 'tests')).toBe('OK');
    expect(await redis.client('GETNAME')).toBe('tests');
    expect(await redis.client('ID')).toBeTypeOf('number');
    expect(await redis.config('GET', 'maxmemory')).toHaveLength(2);
    const [seconds, micros] = (await redis.time()).map(Number) as [number, number];
    expect(Math.abs(seconds * 1_000 + micros / 1_000 - Date.now())).toBeLessThan(2_000);
    expect(await redis.select(0)).toBe('OK');
    expect(await redis.call('COMMAND', 'COUNT')).toBeGreaterThan(50);
  });
});
