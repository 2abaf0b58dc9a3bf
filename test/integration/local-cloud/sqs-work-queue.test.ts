import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { noFaults } from '../../../infra/local/sqs/faults.ts';
import type { LocalQueue } from '../../../infra/local/sqs/queue.ts';
import { createSqsServer } from '../../../infra/local/sqs/server.ts';
import { createSqsWorkQueue } from '../../../shared/adapters/sqs/sqs-work-queue.ts';
import type { Nudge, QueueName, WorkQueue } from '../../../shared/core/work-queue.ts';

describe('the work queues on SQS', () => {
  const iam = createAuthorizer();
  const server = createSqsServer({ authorizer: iam, log: () => {} });
  let queue: LocalQueue;
  let work: WorkQueue;
  let failures: { name: QueueName; count: number }[];
  beforeAll(async () => {
    const { accessKeyId, secretAccessKey } = iam.issueAccessKey('test', 'administrator');
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', await server.listen());
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server.close();
  });
  beforeEach(() => {
    server.setFaults(noFaults);
    queue = server.createQueue({ name: `queue-${Math.random()}` });
    failures = [];
    work = createSqsWorkQueue({
      urls: { 'ingest-default': server.urlOf(queue) } as Record<QueueName, string | undefined>,
      requestId: () => undefined,
      onFailure: (name, count) => failures.push({ name, count }),
    });
  });
  const nudges = (count: number): Nudge[] => Array.from({ length: count }, (_, i) => ({ body: i }));
  const bodies = async () => {
    const found: number[] = [];
    for (let some = await queue.receive({ maximum: 10 }); some.length > 0; some = await queue.receive({ maximum: 10 }))
      found.push(...some.map(({ body }) => Number(body)));
    return found.sort((one, other) => one - other);
  };
  /** Which entries fail, in the order in which they are looked at. */
  const failing = (fails: (entry: number) => boolean) => {
    let entry = 0;
    server.setFaults({ batchEntryFailureProbability: 0.5, random: () => (fails(entry++) ? 0 : 1) });
  };

  it('take a bulk, each message once', async () => {
    expect(await work.send('ingest-default', nudges(237))).toBe(237);
    expect(await bodies()).toEqual(Array.from({ length: 237 }, (_, i) => i));
  });

  it('are sent again only what they refused of a batch', async () => {
    failing((entry) => [2, 5, 7].includes(entry));
    expect(await work.send('ingest-default', nudges(10))).toBe(10);
    expect(await bodies()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(failures).toEqual([]);
  });

  it('tell what they refused twice, and keep the rest', async () => {
    failing((entry) => entry === 4 || entry === 10);
    expect(await work.send('ingest-default', nudges(10))).toBe(9);
    expect(await bodies()).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
    expect(failures).toEqual([{ name: 'ingest-default', count: 1 }]);
  });

  it('may have taken what they did not answer: it is sent again and comes twice', async () => {
    let answers = 0;
    server.setFaults({ lostSendAnswerProbability: 0.5, random: () => (answers++ === 0 ? 0 : 1) });
    expect(await work.send('ingest-default', nudges(1))).toBe(1);
    expect(await bodies()).toEqual([0, 0]);
  });
});
