import { afterEach, describe, expect, test, vi } from 'vitest';
import { createVirtualClock } from '../../../infra/local/aws/clock.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import {
  type EventSourceMapping,
  type EventSourceMappingOptions,
  startEventSourceMapping,
} from '../../../infra/local/sqs/event-source-mapping.ts';
import type { LambdaEvent } from '../../../infra/local/sqs/lambda-event.ts';
import type { LocalQueue } from '../../../infra/local/sqs/queue.ts';
import { createSqsServer, type SqsServer } from '../../../infra/local/sqs/server.ts';

const iam = createAuthorizer();
const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const { stop } of open.splice(0).reverse()) await stop();
});

function setUp(settings: { readonly visibilityTimeout?: number; readonly maxReceiveCount?: number } = {}) {
  const clock = createVirtualClock(Date.UTC(2026, 10, 4));
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  const server = createSqsServer({ authorizer: iam, log, clock });
  open.push({ stop: () => server.close() });
  const dead = server.createQueue({ name: 'dead' });
  const { maxReceiveCount, visibilityTimeout = 60 } = settings;
  const redrive =
    maxReceiveCount === undefined ? {} : { redrivePolicy: { deadLetterTargetArn: dead.arn, maxReceiveCount } };
  const queue = server.createQueue({ name: 'work', visibilityTimeout, ...redrive });
  const start = (options: Partial<EventSourceMappingOptions> & Pick<EventSourceMappingOptions, 'invoke'>) => {
    const mapping = startEventSourceMapping({ queue, log, clock, ...options });
    open.push(mapping);
    return mapping;
  };
  return { clock, server, dead, queue, start, logged };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
const bodies = (event: LambdaEvent): string[] => event.Records.map(({ body }) => body);
function send(queue: LocalQueue, count: number, more: { groupId?: string } = {}): string[] {
  return Array.from({ length: count }, (_, at) => queue.send({ body: `m${at}`, sender: 'test', ...more }).messageId);
}

test('the event has the shape that Lambda gives', async () => {
  const { queue, start } = setUp();
  const invoke = vi.fn(async (_event: LambdaEvent) => null);
  start({ invoke });
  queue.send({
    body: 'hello',
    sender: 'me',
    groupId: 'ws_1',
    traceHeader: 'Root=1-5e1b4151-5ac6c58',
    attributes: { kind: { DataType: 'String', StringValue: 'x' }, raw: { DataType: 'Binary', BinaryValue: 'AAE=' } },
  });
  await settle();
  const now = String(Date.UTC(2026, 10, 4));
  expect(invoke.mock.calls[0]?.[0]).toEqual({
    Records: [
      {
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        receiptHandle: expect.any(String),
        body: 'hello',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: now,
          SenderId: 'me',
          ApproximateFirstReceiveTimestamp: now,
          MessageGroupId: 'ws_1',
          AWSTraceHeader: 'Root=1-5e1b4151-5ac6c58',
        },
        messageAttributes: {
          kind: { stringValue: 'x', stringListValues: [], binaryListValues: [], dataType: 'String' },
          raw: { binaryValue: 'AAE=', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
        },
        md5OfBody: '5d41402abc4b2a76b9719d911017c592',
        md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
        eventSource: 'aws:sqs',
        eventSourceARN: queue.arn,
        awsRegion: 'us-east-1',
      },
    ],
  });
  expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
});

describe('what a result does to the batch', () => {
  test('only reported failures stay, hidden until the visibility timeout', async () => {
    const { clock, queue, start } = setUp();
    const ids = send(queue, 10);
    const seen: string[][] = [];
    start({
      reportBatchItemFailures: true,
      invoke: async (event) => {
        seen.push(bodies(event));
        return seen.length === 1 ? { batchItemFailures: [{ itemIdentifier: ids[3] }, { itemIdentifier: ids[7] }] } : {};
      },
    });
    await settle();
    expect(seen).toEqual([['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9']]);
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 2 });
    await clock.advance(59_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await settle();
    expect(seen.slice(1).flat().sort()).toEqual(['m3', 'm7']);
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
  });
  test('without ReportBatchItemFailures the response means nothing', async () => {
    const { queue, start } = setUp();
    const [id] = send(queue, 1);
    start({ invoke: async () => ({ batchItemFailures: [{ itemIdentifier: id }] }) });
    await settle();
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
  });
  test('an error leaves the whole batch; after maxReceiveCount receives it stands in the dead-letter queue', async () => {
    const { clock, queue, dead, start, logged } = setUp({ maxReceiveCount: 3 });
    send(queue, 2);
    let invocations = 0;
    const mapping = start({
      invoke: async () => {
        invocations += 1;
        throw new Error('Task timed out');
      },
    });
    for (let round = 0; round < 5; round += 1) {
      await settle();
      await clock.advance(60_000);
    }
    await settle();
    expect(invocations).toBe(3);
    expect(mapping.totals).toMatchObject({ failures: 3, throttles: 0 });
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
    expect(dead.counts()).toMatchObject({ visible: 2 });
    const [message] = await dead.receive();
    expect(message).toMatchObject({ source_queue: queue.arn, sent_at: Date.UTC(2026, 10, 4) });
    expect(logged).toHaveLength(3);
  });
  test('a throttled invocation counts as a receive and slows the poller down', async () => {
    const { clock, queue, start } = setUp({ visibilityTimeout: 1 });
    send(queue, 1);
    let throttled = true;
    const counts: string[] = [];
    const mapping = start({
      maximumConcurrency: 1,
      invoke: async ({ Records }) => {
        counts.push(Records[0]?.attributes.ApproximateReceiveCount ?? '');
        if (throttled) throw Object.assign(new Error('Rate Exceeded'), { name: 'TooManyRequestsException' });
        return null;
      },
    });
    await settle();
    expect(mapping.totals.throttles).toBe(1);
    throttled = false;
    await clock.advance(999);
    expect(counts).toEqual(['1']);
    await clock.advance(1);
    await settle();
    expect(counts).toEqual(['1', '2']);
  });
});

describe('how much at once', () => {
  test('never more invocations than the maximum concurrency, and all of it gets done', async () => {
    const { queue, start } = setUp();
    send(queue, 200);
    let running = 0;
    let most = 0;
    const seen = new Set<string>();
    start({
      batchSize: 5,
      maximumConcurrency: 3,
      invoke: async (event) => {
        running += 1;
        most = Math.max(most, running);
        await settle();
        for (const body of bodies(event)) seen.add(body);
        running -= 1;
        return null;
      },
    });
    await vi.waitFor(() => expect(seen.size).toBe(200), { timeout: 5000 });
    expect(most).toBe(3);
  });
  test('five pollers at first, more each second while a backlog stays', async () => {
    const { clock, queue, start } = setUp();
    send(queue, 100);
    const finish: (() => void)[] = [];
    start({ batchSize: 1, invoke: () => new Promise<null>((resolve) => finish.push(() => resolve(null))) });
    await settle();
    expect(finish).toHaveLength(5);
    await clock.advance(1000);
    await settle();
    expect(finish).toHaveLength(10);
    await clock.advance(2000);
    await settle();
    expect(finish).toHaveLength(20);
    while (finish.length > 0) {
      finish.shift()?.();
      if (finish.length === 0) await settle();
    }
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
  });
  test('a window gathers a batch larger than ten', async () => {
    const { clock, queue, start } = setUp();
    const sizes: number[] = [];
    const invoke = async ({ Records }: LambdaEvent) => void sizes.push(Records.length);
    start({ batchSize: 25, batchingWindowSeconds: 5, maximumConcurrency: 1, invoke });
    send(queue, 12);
    await clock.advance(4000);
    send(queue, 3);
    await clock.advance(999);
    expect(sizes).toEqual([]);
    await clock.advance(1);
    await settle();
    expect(sizes).toEqual([15]);
    send(queue, 30);
    await settle();
    expect(sizes).toEqual([15, 25]);
  });
  test('an event carries at most 6 MB', async () => {
    const { queue, start } = setUp();
    const sizes: number[] = [];
    for (let at = 0; at < 10; at += 1) queue.send({ body: 'x'.repeat(1024 * 1024), sender: 'test' });
    start({
      invoke: async (event) => {
        sizes.push(Buffer.byteLength(JSON.stringify(event)));
        return null;
      },
    });
    await vi.waitFor(() => expect(queue.totals.deleted).toBe(10), { timeout: 3000 });
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6 * 1024 * 1024);
  });
});

describe('idle and ended', () => {
  test('thirty idle minutes touch the queue never', async () => {
    const { clock, queue, start } = setUp();
    start({ invoke: async () => null });
    const receive = vi.spyOn(queue, 'receive');
    await settle();
    await clock.advance(30 * 60_000);
    expect(receive).not.toHaveBeenCalled();
    send(queue, 1);
    await settle();
    expect(queue.totals.deleted).toBe(1);
  });
  test('stop waits for what runs, and nothing starts after it', async () => {
    const { queue, start } = setUp();
    let finish = (): void => {};
    let invocations = 0;
    const mapping: EventSourceMapping = start({
      invoke: () => {
        invocations += 1;
        return new Promise<null>((resolve) => {
          finish = () => resolve(null);
        });
      },
    });
    send(queue, 1);
    await settle();
    let stopped = false;
    const stopping = mapping.stop().then(() => {
      stopped = true;
    });
    send(queue, 1);
    await settle();
    expect({ stopped, invocations }).toEqual({ stopped: false, invocations: 1 });
    finish();
    await stopping;
    expect(queue.totals.deleted).toBe(1);
    expect(queue.counts().visible).toBe(1);
  });
  test('a role that may not read the queue, or not use its key, gets no mapping', () => {
    const { server, queue, start } = setUp();
    const { arn } = queue;
    const reader = {
      Effect: 'Allow',
      Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      Resource: arn,
    } as const;
    const role = (name: string, statements: Parameters<typeof iam.issueAccessKey>[1]) => ({
      authorizer: iam,
      principal: iam.issueAccessKey(name, statements),
    });
    const invoke = async () => null;
    expect(() => start({ invoke, role: role('forgotten', []) })).toThrow(/sqs:ReceiveMessage/);
    expect(() => start({ invoke, role: role('granted', [reader]) })).not.toThrow();
    encrypt(server);
    expect(() => start({ invoke, role: role('keyless', [reader]) })).toThrow(/kms:Decrypt/);
  });
});

function encrypt(server: SqsServer): void {
  server.createQueue({ name: 'work', kmsKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/1' });
}
