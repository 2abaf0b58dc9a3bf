import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Failpoint } from '../../shared/core/failpoint.ts';

/** Orders for a failpoint: pass, die, fail, or wait until it is released. */
type Order = 'pass' | 'kill' | 'throw' | 'freeze';

/**
 * A failpoint that asks over a Unix socket what to do, so that one place counts the passes of all processes. A line is
 * `{"pid", "handler", "name", "about"}`, its answer an order. With nobody at the other end everything passes.
 */
export function steeredFailpoint(path: string, handler: string): Failpoint {
  let line: Promise<Line> | undefined;
  return {
    async reach(name, about) {
      line ??= openLine(path);
      const order = await (await line).ask(JSON.stringify({ pid: process.pid, handler, name, about }));
      if (order === 'throw') throw new Error(`Failpoint ${name}`);
      if (order === 'kill') process.kill(process.pid, 'SIGKILL');
      if (order === 'freeze') process.kill(process.pid, 'SIGSTOP');
    },
  };
}

interface Line {
  ask(question: string): Promise<Order>;
}

function openLine(path: string): Promise<Line> {
  const socket = connect(path);
  const waiting: ((order: Order) => void)[] = [];
  let closed = false;
  socket.on('close', () => {
    closed = true;
    for (const settle of waiting.splice(0)) settle('pass');
  });
  socket.on('error', () => {});
  createInterface({ input: socket })
    .on('line', (text) => waiting.shift()?.(text as Order))
    // The interface repeats the errors of its input.
    .on('error', () => {});
  const line: Line = {
    ask: (question) =>
      new Promise((resolve) => {
        if (closed) return resolve('pass');
        waiting.push(resolve);
        socket.write(`${question}\n`);
      }),
  };
  return opened(socket).then(() => line);
}

function opened(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
}
