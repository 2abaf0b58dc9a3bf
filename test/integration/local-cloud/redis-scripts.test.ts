import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, redisTargets } from './redis-targets.ts';

const BYTES = Buffer.from(Array.from({ length: 6_144 }, (_, position) => (position * 7) % 256));

describe.each(redisTargets)('scripts on $name', (target) => {
  let server: Awaited<ReturnType<typeof target.start>>;
  let redis: Redis;
  const run = (script: string, keys: string[] = [], ...args: (string | number | Buffer)[]) =>
    redis.call('EVAL', script, keys.length, ...keys, ...args);

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

  // Left: the script; right: what Redis 7 answers.
  test.each<[string, unknown]>([
    ['return 3.99', 3],
    ['return -3.99', -3],
    ["return {1, 2.9, 'x', false, true, nil, 5}", [1, 2, 'x', null, 1]],
    ['return {{1, {2}}, {}}', [[1, [2]], []]],
    ['return nil', null],
    ["return tostring(3.0) .. '|' .. 10/2 .. '|' .. 0.1 .. '|' .. 1e15 .. '|' .. -7", '3|5|0.1|1e+15|-7'],
    ["return 7 * 1000 .. '|' .. 1e13 + 1 .. '|' .. 100000000000000 * 10 .. ''", '7000|10000000000001|1e+15'],
    [
      "return '10' + 5 .. '|' .. '3' * '4' .. '|' .. tonumber('0x10') .. '|' .. 7 % 3 .. '|' .. 2^10 .. ''",
      '15|12|16|1|1024',
    ],
    ["return math.floor(3.7) .. '|' .. math.max(1, 2) .. '|' .. math.floor(-0.5) .. ''", '3|2|-1'],
    ["return string.format('%d %s %5.2f %x', 3.7, 10/2, 1/3, 255)", '3 5  0.33 ff'],
    ["return table.concat({1, 2.5, 'x'}, ',') .. #'abc' .. select('#', 1, 2) .. ''", '1,2.5,x32'],
    ['return {unpack({1, 2, 3}, 2)}', [2, 3]],
    ['local sum = 0 for i = 1, 10 do sum = sum + i end return sum', 55],
    ["local t = {} t[1.0] = 'a' t[2] = 'b' return t[1] .. t[2.0] .. table.getn(t) .. ''", 'ab2'],
    ["return cjson.encode({1, 2.5, {a = 'x/y\"'}, cjson.null, true, {}})", '[1,2.5,{"a":"x\\/y\\""},null,true,{}]'],
    [
      'local v = cjson.decode(ARGV[1]) return {v.a[1], v.a[2] * 2, v.b == cjson.null and 1 or 0, v.c}',
      [1, 5, 1, 'é😀\n'],
    ],
    ["return redis.call('GET', 'missing') == false and 'false' or 'other'", 'false'],
    ["return redis.call('SET', 'k', 'v').ok", 'OK'],
    ["return redis.call('SET', 'n', 10) and redis.call('INCRBY', 'n', 5.0)", 15],
    ["redis.call('SET', 'n', 3000000000000) return redis.call('GET', 'n')", '3000000000000'],
    ["redis.call('SET', 'n', 0.5) return redis.call('GET', 'n')", '0.5'],
    ["redis.call('RPUSH', 'l', 1, 2) return redis.call('LRANGE', 'l', 0, -1)", ['1', '2']],
    ["return redis.call('MGET', 'a', 'b')", [null, null]],
    ["return redis.status_reply('FINE')", 'FINE'],
    [
      "redis.call('SET', 'k', 'v') return redis.pcall('HGET', 'k', 'f').err",
      'WRONGTYPE Operation against a key holding the wrong kind of value',
    ],
    [
      "redis.call('SET', 'k', 'v') local ok, e = pcall(redis.call, 'HGET', 'k', 'f') return {ok and 1 or 0, e}",
      [0, 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ],
    ["return redis.sha1hex('')", 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['return {bit.band(255, 15), bit.bor(1, 6), bit.lshift(1, 31), bit.bnot(0)}', [15, 7, -2147483648, -1]],
    ["return #redis.call('TIME')", 2],
    ["return type(loadstring('return 1')()) .. type(next) .. type(os.clock())", 'numberfunctionnumber'],
    ['local a <close> = 1', /^ERR Error compiling script/],
    ['return 5 // 2', /^ERR Error compiling script/],
    ['return 5 | 2', /^ERR Error compiling script/],
    ['return (', /^ERR Error compiling script/],
    [
      'x = 1',
      /^ERR user_script:1: (Script attempted to create global variable 'x'|Attempt to modify a readonly table)/,
    ],
    ['return x', /^ERR user_script:1: Script attempted to access nonexistent global variable 'x'/],
    ['return os.execute', null],
    ['redis.call = 1', /Attempt to modify a readonly table/],
    ['return {1e300, 2^53, 2^62 == 2^62}', [Number(-(2n ** 63n)), 2 ** 53, 1]],
    ["redis.call('SET', 'n', 3e17) return redis.call('GET', 'n')", '300000000000000000'],
    ["error('boom')", /^ERR user_script:1: boom script: [0-9a-f]{40}, on @user_script:1\.$/],
    ["return redis.error_reply('MY error')", /^MY error$/],
    ["return redis.call('NOSUCH')", /^ERR Unknown Redis command called from script/],
    ["return redis.call('GET')", /^ERR Wrong number of args calling Redis command from script/],
    ["return redis.call('SUBSCRIBE', 'c')", /^ERR This Redis command is not allowed from script/],
    ["redis.call('SET', 'k', 'v') return redis.call('INCR', 'k')", /^ERR value is not an integer or out of range/],
    ["return redis.call('SET', 'k', {})", /^ERR Lua redis lib command arguments must be strings or integers/],
  ])('%s', async (script, expected) => {
    const answer = run(script, [], '{"a":[1,2.5],"b":null,"c":"\\u00e9\\ud83d\\ude00\\n"}');
    if (expected instanceof RegExp) await expect(answer).rejects.toThrow(expected);
    else expect(await answer).toEqual(expected);
  });

  test('bytes pass through KEYS, ARGV, replies and string functions', async () => {
    const script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. string.sub(ARGV[1], 1, 4)";
    const answer = (await redis.callBuffer('EVAL', script, 1, Buffer.from([0, 255, 10]), BYTES)) as Buffer;
    expect(answer.equals(Buffer.concat([BYTES, BYTES.subarray(0, 4)]))).toBe(true);
    expect((await redis.getBuffer(Buffer.from([0, 255, 10])))?.equals(BYTES)).toBe(true);
  });

  test('EVALSHA, SCRIPT LOAD, EXISTS and FLUSH', async () => {
    const sha = (await redis.script('LOAD', 'return ARGV[1]')) as string;
    expect(await redis.evalsha(sha.toUpperCase(), 0, 'x')).toBe('x');
    expect(await redis.script('EXISTS', sha, 'f'.repeat(40))).toEqual([1, 0]);
    await redis.script('FLUSH');
    await expect(redis.evalsha(sha, 0)).rejects.toThrow('NOSCRIPT No matching script');
    redis.defineCommand('addTo', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    const addTo = (redis as unknown as { addTo(key: string, by: number): Promise<number> }).addTo.bind(redis);
    expect([await addTo('n', 2), await addTo('n', 3)]).toEqual([2, 5]);
    await expect(redis.call('EVAL', 'return 1', 2, 'k')).rejects.toThrow("ERR Number of keys can't be greater");
  });

  test('a token bucket over several keys is atomic', async () => {
    const bucket = `
      local now = redis.call('TIME')
      local ms = now[1] * 1000 + math.floor(now[2] / 1000)
      for i, key in ipairs(KEYS) do
        local state = redis.call('HMGET', key, 'tokens', 'at')
        local tokens = tonumber(state[1]) or tonumber(ARGV[1])
        tokens = math.min(tonumber(ARGV[1]), tokens + (ms - (tonumber(state[2]) or ms)) * 0.000001)
        if tokens < 1 then return {0, i} end
        redis.call('HSET', key, 'tokens', tokens - 1, 'at', ms)
        redis.call('PEXPIRE', key, 60000)
      end
      return {1, 0}`;
    const answers = await Promise.all(Array.from({ length: 50 }, () => run(bucket, ['{w}:a', '{w}:b'], 10)));
    expect(answers.filter((answer) => (answer as number[])[0] === 1)).toHaveLength(10);
  });
});
