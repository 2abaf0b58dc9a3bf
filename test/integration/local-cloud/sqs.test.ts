import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../infra/local/aws/clock.ts';
import type { PolicyStatement } from '../../../infra/local/iam/authorizer.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import type { LocalQueue } from '../../../infra/local/sqs/queue.ts';
import { createSqsServer } from '../../../infra/local/sqs/server.ts';

// The clock moves only when told; signatures go by the real one.
const clock = createVirtualClock(Date.now());
const iam = createAuthorizer();
const server = createSqsServer({ authorizer: iam, log: () => {}, clock });
const clients: SQSClient[] = [];
let endpoint = '';
let client: SQSClient;
let queue: LocalQueue;
let QueueUrl = '';
let count = 0;

function clientOf(statements: readonly PolicyStatement[] | 'administrator', secretAccessKey?: string): SQSClient {
  const principal = iam.issueAccessKey('somebody', statements);
  const credentials = { ...principal, ...(secretAccessKey === undefined ? {} : { secretAccessKey }) };
  const made = new SQSClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
  clients.push(made);
  return made;
}

beforeAll(async () => {
  endpoint = await server.listen();
  client = clientOf('administrator');
});
beforeEach(() => {
  count += 1;
  queue = server.createQueue({ name: `queue-${count}` });
  QueueUrl = server.urlOf(queue);
});
afterAll(async () => {
  for (const made of clients) made.destroy();
  await server.close();
});

const send = (MessageBody: string, more: object = {}) =>
  client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...more }));
async function receive(more: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> {
  const input = { QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All' as const], ...more };
  return (await client.send(new ReceiveMessageCommand(input))).Messages ?? [];
}
const bodies = async (more: Partial<ReceiveMessageCommandInput> = {}) => (await receive(more)).map(({ Body }) => Body);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('a message', () => {
  test('arrives once, with its attributes, and is gone when deleted', async () => {
    const sent = await send('héllo', {
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'x' },
        'kind.more': { DataType: 'Number.int', StringValue: '7' },
        raw: { DataType: 'Binary', BinaryValue: Buffer.of(0, 1) },
      },
      MessageGroupId: 'ws_1',
      MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-5e-5a' } },
    });
    expect(sent.MD5OfMessageAttributes).toMatch(/^[0-9a-f]{32}$/);
    expect(sent.MD5OfMessageSystemAttributes).toMatch(/^[0-9a-f]{32}$/);
    const [message] = await receive({ MessageAttributeNames: ['kind.*', 'raw'] });
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'héllo',
      Attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: String(clock.now()),
        ApproximateFirstReceiveTimestamp: String(clock.now()),
        MessageGroupId: 'ws_1',
        AWSTraceHeader: 'Root=1-5e-5a',
        SenderId: 'somebody',
      },
    });
    expect(Object.keys(message?.MessageAttributes ?? {}).sort()).toEqual(['kind.more', 'raw']);
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
    await clock.advance(3600_000);
    expect(await receive()).toEqual([]);
  });
  test('is hidden for the visibility timeout, then comes again with a higher count', async () => {
    await send('a');
    const [first] = await receive();
    await clock.advance(29_999);
    expect(await receive()).toEqual([]);
    await clock.advance(1);
    const [second] = await receive({ VisibilityTimeout: 5 });
    expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
    // The old receipt is accepted and does nothing.
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first?.ReceiptHandle }));
    await clock.advance(5000);
    expect(await receive()).toHaveLength(1);
  });
  test('can be hidden longer or given back, while it is in flight, for twelve hours in all', async () => {
    await send('a');
    const [{ ReceiptHandle } = {}] = await receive();
    const hide = (VisibilityTimeout: number) =>
      client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
    await hide(60);
    await clock.advance(59_000);
    expect(await receive()).toEqual([]);
    expect(await failure(hide(43_200))).toMatchObject({ name: 'InvalidParameterValue' });
    await hide(0);
    expect(await failure(hide(10))).toMatchObject({ name: 'MessageNotInflight' });
    expect(await receive()).toHaveLength(1);
    expect(await failure(hide(10))).toMatchObject({ name: 'InvalidParameterValue' });
  });
  test('waits for its delay', async () => {
    await send('later', { DelaySeconds: 10 });
    await send('now');
    expect(await bodies()).toEqual(['now']);
    const ask = { QueueUrl, AttributeNames: ['All' as const] };
    const { Attributes } = await client.send(new GetQueueAttributesCommand(ask));
    expect(Attributes).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '1',
      ApproximateNumberOfMessagesDelayed: '1',
      QueueArn: queue.arn,
    });
    await clock.advance(10_000);
    expect(await bodies()).toEqual(['later']);
  });
  test('expires with the retention, counted from its first send', async () => {
    queue = server.createQueue({ name: queue.settings.name, retention: 60 });
    await send('a');
    await clock.advance(59_000);
    expect(queue.counts().visible).toBe(1);
    await clock.advance(1000);
    expect(await receive()).toEqual([]);
  });
});

describe('waiting', () => {
  test('a long poll ends with the first message', async () => {
    const waiting = bodies({ WaitTimeSeconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await send('a');
    expect(await waiting).toEqual(['a']);
  });
  test('a long poll wakes when a hidden message falls due, and ends empty after its time', async () => {
    await send('a', { DelaySeconds: 5 });
    const both = [bodies({ WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }), bodies({ WaitTimeSeconds: 20 })];
    await new Promise((resolve) => setTimeout(resolve, 50));
    await clock.advance(5000);
    expect(await both[0]).toEqual(['a']);
    await clock.advance(15_000);
    expect(await both[1]).toEqual([]);
  });
  test('a receiver that hung up gets nothing', async () => {
    const gone = new AbortController();
    const waiting = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    const ended = failure(waiting);
    await new Promise((resolve) => setTimeout(resolve, 50));
    gone.abort();
    expect(await ended).toMatchObject({ name: 'AbortError' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await send('a');
    expect(queue.counts()).toMatchObject({ visible: 1, inFlight: 0 });
  });
});

describe('batches', () => {
  const entries = (bodyOf: string[]) => bodyOf.map((MessageBody, at) => ({ Id: `e${at}`, MessageBody }));
  const sendBatch = (bodyOf: string[]) =>
    client.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries(bodyOf) }));

  test('are carried out entry by entry', async () => {
    const { Successful, Failed } = await sendBatch(['a', 'forbidden \u0000', 'c']);
    expect(Successful?.map(({ Id }) => Id)).toEqual(['e0', 'e2']);
    expect(Failed).toMatchObject([{ Id: 'e1', Code: 'InvalidMessageContents', SenderFault: true }]);
    const messages = await receive();
    const Entries = [
      ...messages.map(({ ReceiptHandle }, at) => ({ Id: `d${at}`, ReceiptHandle })),
      { Id: 'x', ReceiptHandle: 'nonsense' },
    ];
    const deleted = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    expect(deleted.Successful?.map(({ Id }) => Id)).toEqual(['d0', 'd1']);
    expect(deleted.Failed).toMatchObject([{ Id: 'x', Code: 'ReceiptHandleIsInvalid' }]);
    expect(queue.counts()).toMatchObject({ visible: 0, inFlight: 0 });
  });
  test('keep to the limits', async () => {
    expect(await failure(sendBatch([]))).toMatchObject({ name: 'EmptyBatchRequest' });
    expect(await failure(sendBatch(Array(11).fill('x')))).toMatchObject({ name: 'TooManyEntriesInBatchRequest' });
    const twice = [
      { Id: 'a', MessageBody: 'x' },
      { Id: 'a', MessageBody: 'y' },
    ];
    const command = new SendMessageBatchCommand({ QueueUrl, Entries: twice });
    expect(await failure(client.send(command))).toMatchObject({ name: 'BatchEntryIdsNotDistinct' });
    const half = 'x'.repeat(512 * 1024);
    expect((await sendBatch([half, half])).Successful).toHaveLength(2);
    expect(await failure(sendBatch([half, `${half}x`]))).toMatchObject({ name: 'BatchRequestTooLong' });
    expect(await failure(send('x'.repeat(1024 * 1024)))).toBeUndefined();
    expect(await failure(send('x'.repeat(1024 * 1024 + 1)))).toMatchObject({ name: 'InvalidParameterValue' });
  });
});

describe('dead letters', () => {
  test('a message moves there instead of its receive after the last allowed one, and can be moved back', async () => {
    const dead = server.createQueue({ name: `dead-${count}` });
    const redrive = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { RedrivePolicy: redrive } }));
    const sentAt = clock.now();
    const { MessageId } = await send('poison', { MessageGroupId: 'g' });
    await send('good');
    for (const _round of [1, 2]) {
      for (const { Body, ReceiptHandle } of await receive()) {
        if (Body === 'good') await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
      await clock.advance(30_000);
    }
    expect(dead.counts().visible).toBe(0);
    expect(await receive()).toEqual([]);
    const DeadUrl = server.urlOf(dead);
    const [letter] = await receive({ QueueUrl: DeadUrl, VisibilityTimeout: 0 });
    expect(letter).toMatchObject({
      MessageId,
      Attributes: { DeadLetterQueueSourceArn: queue.arn, SentTimestamp: String(sentAt), MessageGroupId: 'g' },
    });
    await client.send(new StartMessageMoveTaskCommand({ SourceArn: dead.arn }));
    const { Results } = await client.send(new ListMessageMoveTasksCommand({ SourceArn: dead.arn }));
    expect(Results).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }]);
    const [again] = await receive();
    expect(again?.Attributes).toMatchObject({ ApproximateReceiveCount: '1', SentTimestamp: String(clock.now()) });
    expect(Number(again?.Attributes?.SentTimestamp)).toBeGreaterThan(sentAt);
  });
  test('only where the dead-letter queue lets them', async () => {
    const dead = server.createQueue({ name: `dead-${count}`, redriveAllowPolicy: { redrivePermission: 'denyAll' } });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
    const command = new SetQueueAttributesCommand({ QueueUrl, Attributes: { RedrivePolicy } });
    expect(await failure(client.send(command))).toMatchObject({ name: 'InvalidParameterValue' });
  });
});

describe('fairness', () => {
  test('a quiet group is served before a noisy backlog', async () => {
    for (let at = 0; at < 100; at += 1) await queue.send({ body: `noisy-${at}`, groupId: 'noisy', sender: 'test' });
    await send('quiet', { MessageGroupId: 'quiet' });
    expect((await bodies({ MaxNumberOfMessages: 2 })).sort()).toEqual(['noisy-0', 'quiet']);
  });
  test('three groups with backlogs take turns', async () => {
    for (const group of ['a', 'a', 'a', 'a', 'b', 'b', 'c'])
      await queue.send({ body: group, groupId: group, sender: 'test' });
    expect(await bodies()).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'a']);
  });
});

describe('queues', () => {
  test('are made, found, listed, changed, purged and deleted', async () => {
    const QueueName = `made-${count}`;
    const Attributes = { VisibilityTimeout: '7', MessageRetentionPeriod: '120' };
    const made = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
    expect(made.QueueUrl).toBe(`${endpoint}/000000000000/${QueueName}`);
    expect(await client.send(new CreateQueueCommand({ QueueName, Attributes }))).toMatchObject({
      QueueUrl: made.QueueUrl,
    });
    const other = new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '8' } });
    expect(await failure(client.send(other))).toMatchObject({ name: 'QueueNameExists' });
    expect(await client.send(new GetQueueUrlCommand({ QueueName }))).toMatchObject({ QueueUrl: made.QueueUrl });
    expect((await client.send(new ListQueuesCommand({ QueueNamePrefix: 'made-' }))).QueueUrls).toEqual([made.QueueUrl]);
    await client.send(new SendMessageCommand({ QueueUrl: made.QueueUrl, MessageBody: 'x' }));
    await client.send(new PurgeQueueCommand({ QueueUrl: made.QueueUrl }));
    const ask = {
      QueueUrl: made.QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'VisibilityTimeout'] as const,
    };
    const { Attributes: now } = await client.send(
      new GetQueueAttributesCommand({ ...ask, AttributeNames: [...ask.AttributeNames] }),
    );
    expect(now).toEqual({ ApproximateNumberOfMessages: '0', VisibilityTimeout: '7' });
    await client.send(new DeleteQueueCommand({ QueueUrl: made.QueueUrl }));
    const gone = await failure(client.send(new SendMessageCommand({ QueueUrl: made.QueueUrl, MessageBody: 'x' })));
    expect(gone).toMatchObject({ name: 'QueueDoesNotExist', Code: 'AWS.SimpleQueueService.NonExistentQueue' });
    const fifo = new CreateQueueCommand({ QueueName: 'q.fifo', Attributes: { FifoQueue: 'true' } });
    expect(await failure(client.send(fifo))).toMatchObject({ name: 'UnsupportedOperation' });
  });
});

describe('rights', () => {
  const sendAs = (other: SQSClient) => failure(other.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' })));
  const allow = (...Action: string[]): PolicyStatement => ({ Effect: 'Allow', Action, Resource: queue.arn });

  test('a role without the action is denied', async () => {
    expect(await sendAs(clientOf([allow('sqs:ReceiveMessage')]))).toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining('sqs:SendMessage'),
      $metadata: { httpStatusCode: 403 },
    });
    expect(await sendAs(clientOf([{ ...allow('sqs:SendMessage'), Resource: `${queue.arn}-other` }]))).toMatchObject({
      name: 'AccessDenied',
    });
    expect(await sendAs(clientOf([allow('sqs:SendMessage')]))).toBeUndefined();
  });
  test('an encrypted queue also asks for its key', async () => {
    const kmsKeyArn = 'arn:aws:kms:us-east-1:000000000000:key/1';
    server.createQueue({ name: queue.settings.name, kmsKeyArn });
    const use = (...Action: string[]): PolicyStatement => ({ Effect: 'Allow', Action, Resource: kmsKeyArn });
    expect(await sendAs(clientOf([allow('sqs:*')]))).toMatchObject({ name: 'KmsAccessDenied' });
    expect(await sendAs(clientOf([allow('sqs:*'), use('kms:Decrypt')]))).toMatchObject({ name: 'KmsAccessDenied' });
    expect(await sendAs(clientOf([allow('sqs:*'), use('kms:Decrypt', 'kms:GenerateDataKey')]))).toBeUndefined();
    const reader = clientOf([allow('sqs:*')]);
    expect(await failure(reader.send(new ReceiveMessageCommand({ QueueUrl })))).toMatchObject({
      name: 'KmsAccessDenied',
    });
  });
  test('a wrong secret and an unknown key are refused', async () => {
    expect(await sendAs(clientOf('administrator', 'wrong'))).toMatchObject({ name: 'SignatureDoesNotMatch' });
    const credentials = { accessKeyId: 'LOCALNOBODY', secretAccessKey: 'x' };
    const stranger = new SQSClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
    clients.push(stranger);
    expect(await sendAs(stranger)).toMatchObject({ name: 'InvalidClientTokenId', $metadata: { httpStatusCode: 403 } });
  });
});
