import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningRedis, startRedis } from '../../../infra/local/redis/server.ts';
import { connect } from './redis-targets.ts';

/** What the stand-in answers on the wire, byte by byte; these do not go through a client. */
describe('the stand-in on the wire', () => {
  let server: RunningRedis;
  let socket: Socket;
  let answered = '';

  beforeEach(async () => {
    server = await startRedis({ scriptTimeoutMs: 200 });
    socket = connectSocket(server.port, server.host);
    answered = '';
    socket.on('data', (data) => {
      answered += data.toString('latin1');
    });
    await once(socket, 'connect');
  });
  afterEach(async () => {
    socket.destroy();
    await server.close();
  });

  test('HELLO 3 is refused so that clients fall back, HELLO 2 answers', async () => {
    socket.write('*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n');
    await expect.poll(() => answered).toBe('-NOPROTO unsupported protocol version\r\n');
    answered = '';
    socket.write('*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n');
    await expect.poll(() => answered).toContain('$5\r\nproto\r\n:2\r\n');
  });

  test('frames may be cut anywhere', async () => {
    const request = Buffer.from(
      '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\na\r\nb\0c\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
      'latin1',
    );
    for (const byte of request) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => answered).toBe('+OK\r\n$6\r\na\r\nb\0c\r\n');
  });

  test('inline commands, with quotes', async () => {
    socket.write('SET k "a b\\n\\x00"\r\nGET k\nPING\r\n\r\n');
    await expect.poll(() => answered).toBe('+OK\r\n$5\r\na b\n\0\r\n+PONG\r\n');
  });

  test.each([
    ['*1\r\n:1\r\n', "-ERR Protocol error: expected '$', got ':'\r\n"],
    ['*x\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*1\r\n$-1\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['*1\r\n$99999999999\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['GET "open\r\n', '-ERR Protocol error: unbalanced quotes in request\r\n'],
    ['x'.repeat(70_000), '-ERR Protocol error: too big inline request\r\n'],
  ])('%j is answered and the connection closed', async (request, answer) => {
    const closed = once(socket, 'close');
    socket.write(`PING\r\n${request}`);
    await closed;
    expect(answered).toBe(`+PONG\r\n${answer}`);
  });

  test('QUIT answers what came before it and closes', async () => {
    const closed = once(socket, 'close');
    socket.write('PING\r\nQUIT\r\nPING\r\n');
    await closed;
    expect(answered).toBe('+PONG\r\n+OK\r\n');
  });

  test('a listener on a channel may not send other commands', async () => {
    socket.write('SUBSCRIBE c\r\nGET k\r\nPING\r\nRESET\r\nGET k\r\n');
    await expect.poll(() => answered).toContain('+RESET\r\n$-1\r\n');
    expect(answered).toContain("-ERR Can't execute 'get'");
    expect(answered).toContain('*2\r\n$4\r\npong\r\n$0\r\n\r\n');
  });

  test('a script that does not end is stopped and the server goes on', async () => {
    const redis = await connect(server.url);
    await expect(redis.eval('while true do end', 0)).rejects.toThrow('Script killed after 200 ms');
    await expect(redis.eval('while true do pcall(function() while true do end end) end', 0)).rejects.toThrow('killed');
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });
});

describe('login', () => {
  test('a wrong password is refused, the right one opens, with and without the user', async () => {
    const server = await startRedis({ password: 'secret' });
    await expect(connect(`redis://:wrong@127.0.0.1:${server.port}`)).rejects.toThrow();
    const anonymous = await connect(`redis://127.0.0.1:${server.port}`, { enableReadyCheck: false });
    await expect(anonymous.get('k')).rejects.toThrow('NOAUTH Authentication required.');
    await expect(anonymous.call('AUTH', 'other', 'secret')).rejects.toThrow('WRONGPASS');
    expect(await anonymous.auth('secret')).toBe('OK');
    expect(await anonymous.get('k')).toBeNull();
    const named = await connect(`redis://default:secret@127.0.0.1:${server.port}`);
    expect(await named.ping()).toBe('PONG');
    anonymous.disconnect();
    named.disconnect();
    await server.close();
  });
});

describe('memory bound', () => {
  test('keys with a deadline give way, least recently used first; without them writes are refused', async () => {
    const server = await startRedis({ maxmemory: 100_000 });
    const redis = await connect(server.url);
    await redis.set('kept', 'x'.repeat(1_000));
    for (let number = 0; number < 90; number++) await redis.set(`c${number}`, 'x'.repeat(1_000), 'EX', 1_000);
    await redis.get('c0');
    for (let number = 90; number < 120; number++) await redis.set(`c${number}`, 'x'.repeat(1_000), 'EX', 1_000);
    expect(await redis.exists('kept', 'c0', 'c119')).toBe(3);
    expect(await redis.exists('c1')).toBe(0);
    const fill = async () => {
      for (let number = 0; number < 200; number++) await redis.set(`p${number}`, 'x'.repeat(1_000));
    };
    await expect(fill()).rejects.toThrow("OOM command not allowed when used memory > 'maxmemory'.");
    expect(await redis.get('kept')).toHaveLength(1_000);
    await redis.del(...(await redis.keys('p*')));
    expect(await redis.set('again', '1')).toBe('OK');
    redis.disconnect();
    await server.close();
  });
});
