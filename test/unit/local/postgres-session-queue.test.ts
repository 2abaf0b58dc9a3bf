import { expect, test } from 'vitest';
import { SessionQueue } from '../../../infra/local/postgres/session-queue.ts';

/** A queue on a database whose mutex is always free, and a count of how often it was taken and given back. */
function queueWithLog() {
  const log: string[] = [];
  const queue = new SessionQueue(async (work) => {
    log.push('taken');
    await work();
    log.push('given back');
  });
  return { queue, log };
}

test('turns run in the order of their coming, one at a time', async () => {
  const { queue, log } = queueWithLog();
  const turn = (name: string) =>
    queue.take({}, async () => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      return 'released';
    });
  await Promise.all([turn('one'), turn('two')]);
  await new Promise(setImmediate);
  expect(log).toEqual(['taken', 'one begins', 'one ends', 'two begins', 'two ends', 'given back']);
});

test('a holder goes on before those that came earlier, until it lets go', async () => {
  const { queue } = queueWithLog();
  const [holder, other] = [{}, {}];
  const order: string[] = [];
  await queue.take(holder, async () => 'held');
  expect(queue.isHeldBy(holder)).toBe(true);
  const waiting = queue.take(other, async () => {
    order.push('other');
    return 'released';
  });
  await queue.take(holder, async () => {
    order.push('holder');
    return 'held';
  });
  await queue.take(holder, async () => 'released');
  await waiting;
  expect(order).toEqual(['holder', 'other']);
  await new Promise(setImmediate);
  expect(queue.isBusy).toBe(false);
});

test('a turn that fails fails alone, and gives the session up', async () => {
  const { queue, log } = queueWithLog();
  const holder = {};
  await queue.take(holder, async () => 'held');
  await expect(queue.take(holder, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(queue.isHeldBy(holder)).toBe(false);
  await queue.take({}, async () => 'released');
  await new Promise(setImmediate);
  expect(log.filter((line) => line === 'taken').length).toBe(log.filter((line) => line === 'given back').length);
});
