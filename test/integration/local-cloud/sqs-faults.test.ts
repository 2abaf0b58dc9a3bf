import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../infra/local/aws/clock.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { noFaults } from '../../../infra/local/sqs/faults.ts';
import type { LocalQueue } from '../../../infra/local/sqs/queue.ts';
import { createSqsServer } from '../../../infra/local/sqs/server.ts';

const clock = createVirtualClock(Date.UTC(2026, 10, 4));
const iam = createAuthorizer();
const server = createSqsServer({ authorizer: iam, log: () => {}, clock });
let client: SQSClient;
let queue: LocalQueue;
let QueueUrl = '';
let count = 0;

/** A generator with a seed (mulberry32), so that a failure can be seen again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

beforeAll(async () => {
  const endpoint = await server.listen();
  const credentials = iam.issueAccessKey('test', 'administrator');
  client = new SQSClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await server.close();
});
beforeEach(() => {
  count += 1;
  queue = server.createQueue({ name: `queue-${count}`, visibilityTimeout: 3600 });
  QueueUrl = server.urlOf(queue);
  server.setFaults({ ...noFaults, random: seeded(count) });
});

function send(messages: number): string[] {
  return Array.from({ length: messages }, (_, at) => queue.send({ body: String(at), sender: 'test' }).messageId);
}
async function drain(): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const messages = await queue.receive({ maximum: 10 });
    if (messages.length === 0) return bodies;
    for (const { body, receiptHandle } of messages) {
      bodies.push(body);
      queue.delete(receiptHandle);
    }
  }
}

describe('without faults', () => {
  test('a thousand messages come once each, in order', async () => {
    send(1000);
    expect(await drain()).toEqual(Array.from({ length: 1000 }, (_, at) => String(at)));
    await clock.advance(7200_000);
    expect(await drain()).toEqual([]);
  });
});

describe('faults', () => {
  test('duplicates: every message comes up to so many times more, even when the first was deleted', async () => {
    server.setFaults({ duplicateProbability: 1, duplicateCopies: 4 });
    send(100);
    const first = await drain();
    await clock.advance(1000);
    const times = new Map<string, number>();
    for (const body of [...first, ...(await drain())]) times.set(body, (times.get(body) ?? 0) + 1);
    expect(times.size).toBe(100);
    expect(new Set(times.values())).toEqual(new Set([2, 3, 4, 5]));
  });
  test('duplicates by chance: about as many as asked for', async () => {
    server.setFaults({ duplicateProbability: 0.02, duplicateDelayMilliseconds: 0 });
    send(5000);
    const extra = (await drain()).length - 5000;
    expect(extra).toBeGreaterThan(60);
    expect(extra).toBeLessThan(150);
  });
  test('shuffle: another order, nothing lost', async () => {
    server.setFaults({ shuffleWindow: 50 });
    send(200);
    const bodies = await drain();
    const inOrder = Array.from({ length: 200 }, (_, at) => String(at));
    expect(bodies).not.toEqual(inOrder);
    expect([...bodies].sort()).toEqual([...inOrder].sort());
  });
  test('empty receives: a short poll misses, a long one does not', async () => {
    server.setFaults({ emptyReceiveProbability: 1 });
    send(1);
    expect(await queue.receive()).toEqual([]);
    expect(await queue.receive({ waitSeconds: 1 })).toHaveLength(1);
  });
  test('a lost answer: the send fails for the caller, the message is there', async () => {
    server.setFaults({ lostSendAnswerProbability: 1 });
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'sent' }))).rejects.toThrow();
    expect(await drain()).toEqual(['sent']);
  });
  test('a lost delete: the message comes back after its timeout', async () => {
    server.setFaults({ lostDeleteProbability: 1 });
    send(1);
    expect(await drain()).toEqual(['0']);
    server.setFaults({ lostDeleteProbability: 0 });
    await clock.advance(3600_000);
    expect(await drain()).toEqual(['0']);
    await clock.advance(3600_000);
    expect(await drain()).toEqual([]);
  });
  test('failing entries: the others of the batch are sent', async () => {
    server.setFaults({ batchEntryFailureProbability: 0.4 });
    const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `e${at}`, MessageBody: String(at) }));
    const { Successful = [], Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(Failed.length).toBeGreaterThan(0);
    expect(Successful.length).toBeGreaterThan(0);
    expect(Failed.every(({ Code, SenderFault }) => Code === 'InternalError' && SenderFault === false)).toBe(true);
    expect((await drain()).map((body) => `e${body}`)).toEqual(Successful.map(({ Id }) => Id));
  });
});

test('receiving costs the same with 50,000 messages waiting', async () => {
  const timed = async (): Promise<number> => {
    const start = performance.now();
    for (let at = 0; at < 100; at += 1) {
      for (const { receiptHandle } of await queue.receive({ maximum: 10 })) queue.delete(receiptHandle);
    }
    return performance.now() - start;
  };
  const fill = (messages: number): void => {
    for (let at = 0; at < messages; at += 1) queue.send({ body: 'x', groupId: `g${at % 500}`, sender: 'test' });
  };
  fill(2000);
  await timed();
  const short = await timed();
  fill(50_000);
  const long = await timed();
  expect(queue.counts().visible).toBe(49_000);
  expect(long).toBeLessThan(5 * short + 20);
}, 9000);
