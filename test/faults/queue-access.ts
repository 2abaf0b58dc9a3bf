import type { LocalQueue } from '../../infra/local/sqs/queue.ts';
import type { Run } from './run.ts';

/** The queue whose name ends so: `ingest-default`. */
export function queueOf(run: Run, name: string): LocalQueue {
  const { sqs } = run.world.cloud.aws;
  const stats = sqs.stats().find((queue) => queue.name.endsWith(`-${name}`));
  const queue = stats && sqs.queue(stats.arn);
  if (!queue) throw new Error(`There is no queue ${name}.`);
  return queue;
}

/** The body of S3's message that something was put under a key. */
export function uploadEvent(run: Run, key: string): string {
  const object = { key: encodeURIComponent(key).replaceAll('%2F', '/'), size: 1 };
  const s3 = { bucket: { name: run.world.cloud.uploadBucket }, object };
  return JSON.stringify({ Records: [{ eventSource: 'aws:s3', eventName: 'ObjectCreated:Put', s3 }] });
}

/** Invokes a queue function with these bodies as one batch; gives what it returned. */
export async function invoke(run: Run, handler: string, bodies: readonly string[]): Promise<unknown> {
  const runner = run.world.cloud.lambda.runners.find(({ function: { handler: name } }) => name.startsWith(handler));
  if (!runner) throw new Error(`There is no function ${handler}.`);
  const Records = bodies.map((body, at) => ({
    ...{ messageId: `message-${at}`, receiptHandle: 'none', body, messageAttributes: {}, md5OfBody: '' },
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'x',
      ApproximateFirstReceiveTimestamp: '0',
    },
    ...{ eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:x', awsRegion: 'us-east-1' },
  }));
  const result = await runner.invoke(JSON.stringify({ Records }), { waitMilliseconds: 20_000 });
  if (!result.succeeded) throw new Error(`${handler}: ${result.error.errorMessage}`);
  return JSON.parse(result.payload);
}
