import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HalfOpenProxy } from '../../support/half-open-proxy.ts';

let engine: Server;
let proxy: HalfOpenProxy;

/** Answers every word with itself, and `end` with the tag of a commit. */
beforeEach(async () => {
  engine = createServer((socket) => socket.on('data', (data) => socket.write(`${data}` === 'end' ? 'COMMIT\0' : data)));
  engine.on('connection', (socket) => socket.on('error', () => {}));
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  proxy = await HalfOpenProxy.before(`tcp://127.0.0.1:${(engine.address() as AddressInfo).port}`);
});
afterEach(async () => {
  await proxy.close();
  engine.close();
});

function open(): Socket {
  const { port } = new URL(proxy.through('tcp://127.0.0.1:1'));
  return connect({ port: Number(port), host: '127.0.0.1' }).on('error', () => {});
}

const answerOf = async (socket: Socket, word: string): Promise<string> => {
  socket.write(word);
  // `once` of node:events would reject at the error that comes before the close.
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(`${data}`)));
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('closed')));
  return Promise.race([answer, closed, sleep(300, 'nothing')]);
};

it('passes, stands still while it is open, and goes on with what was held', async () => {
  const socket = open();
  expect(await answerOf(socket, 'a')).toBe('a');
  proxy.freeze();
  expect(await answerOf(socket, 'b')).toBe('nothing');
  const late = open();
  expect(await answerOf(late, 'c')).toBe('nothing');
  proxy.pass();
  expect(await answerOf(late, 'd')).toContain('d');
  socket.destroy();
  late.destroy();
});

it('resets connections and refuses new ones', async () => {
  const socket = open();
  expect(await answerOf(socket, 'a')).toBe('a');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  proxy.refuse();
  await closed;
  expect(await answerOf(open(), 'b')).toBe('closed');
});

it('breaks between a commit and its answer, as often as it was told', async () => {
  proxy.cutAfterCommit(1);
  expect(await answerOf(open(), 'end')).toBe('closed');
  expect(proxy.cutCommits).toBe(1);
  const next = open();
  expect(await answerOf(next, 'end')).toBe('COMMIT\0');
  next.destroy();
});
