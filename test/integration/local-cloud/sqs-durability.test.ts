import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createSqsServer } from '../../../infra/local/sqs/server.ts';

let directory = '';
const children = new Set<ChildProcess>();
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sqs-durability-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function start() {
  const script = new URL('./sqs-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const endpoint = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', () => reject(new Error(`The server ended early: ${errors}`)));
  });
  const credentials = { accessKeyId: 'LOCALTEST', secretAccessKey: 'local-secret' };
  const client = new SQSClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
  const kill = () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
      children.delete(child);
    });
  return { client, kill, errors: () => errors, QueueUrl: `${endpoint}/000000000000/durable` };
}

test('everything acknowledged outlives SIGKILL: sends, deletes, receive counts and what is hidden', async () => {
  const first = await start();
  const { QueueUrl } = first;
  const early = ['deleted', 'received'];
  for (const MessageBody of early) await first.client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  const acknowledged = new Set(['received']);
  let sending = true;
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let at = 0; sending; at += 1) {
      const MessageBody = `${sender}-${at}`;
      try {
        await first.client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
        acknowledged.add(MessageBody);
      } catch {
        return;
      }
    }
  });
  await expect.poll(() => acknowledged.size, { timeout: 4000 }).toBeGreaterThan(300);
  // Received only now: the restart must come before they are visible again.
  for (const body of early) {
    const { Messages = [] } = await first.client.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages[0]?.Body).toBe(body);
    const { ReceiptHandle } = Messages[0] ?? {};
    if (body === 'deleted') await first.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
  await first.kill();
  sending = false;
  await Promise.all(senders);
  expect(first.errors()).toBe('');

  const second = await start();
  const ask = { QueueUrl: second.QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesNotVisible' as const] };
  const { Attributes } = await second.client.send(new GetQueueAttributesCommand(ask));
  expect(Attributes).toEqual({ ApproximateNumberOfMessagesNotVisible: '1' });
  const found = new Map<string, string | undefined>();
  // Not by their number: what was sent and not acknowledged may be there as well.
  while ([...acknowledged].some((body) => !found.has(body))) {
    const request = { MaxNumberOfMessages: 10, WaitTimeSeconds: 5, VisibilityTimeout: 60 };
    const { Messages = [] } = await second.client.send(
      new ReceiveMessageCommand({
        ...request,
        QueueUrl: second.QueueUrl,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    );
    if (Messages.length === 0) break;
    for (const { Body = '', Attributes: { ApproximateReceiveCount } = {} } of Messages)
      found.set(Body, ApproximateReceiveCount);
  }
  expect([...acknowledged].filter((body) => !found.has(body))).toEqual([]);
  expect(found.has('deleted')).toBe(false);
  expect(found.get('received')).toBe('2');
  await second.kill();
}, 9000);

test('what was in flight can be given back at the start, and a second process is kept out', async () => {
  const own = join(directory, 'own');
  const open = () =>
    createSqsServer({ directory: own, authorizer: createAuthorizer(), log: () => {}, releaseInFlightOnStart: true });
  const first = open();
  const queue = first.createQueue({ name: 'q' });
  queue.send({ body: 'x', sender: 'test' });
  expect(await queue.receive({ visibilityTimeout: 600 })).toHaveLength(1);
  expect(open).toThrow(/locked/);
  await first.close();
  const second = open();
  const messages = await second.queue('q')?.receive();
  expect(messages).toMatchObject([{ body: 'x', receive_count: 2 }]);
  await second.close();
});
