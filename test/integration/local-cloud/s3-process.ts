/**
 * An S3 of its own process, to be killed: `node s3-process.ts <directory> <file>` prints its endpoint, appends each
 * notification to the file (slowly, so that some always wait), and prints its peak memory in MiB on SIGUSR2.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createS3Server } from '../../../infra/local/s3/server.ts';

const [, , directory = '', deliveries = ''] = process.argv;
const server = createS3Server({
  directory,
  authorizer: createAuthorizer([
    { name: 'test', accessKeyId: 'LOCALTEST', secretAccessKey: 'local-secret', statements: 'administrator' },
  ]),
  notify: async (_queueArn, body) => {
    await sleep(5);
    appendFileSync(deliveries, `${body}\n`);
  },
  log: console.error,
});
server.createBucket({ name: 'durable' });
const events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'];
server.configureNotifications('durable', [{ id: 'all', queueArn: 'arn:queue', events, prefix: '', suffix: '' }]);

let peak = 0;
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 10);
process.on('SIGUSR2', () => {
  process.stdout.write(`${Math.round(peak / 1024 ** 2)}\n`);
  peak = 0;
});
process.stdout.write(`${(await server.listen()).url}\n`);
