/** A queue server of its own process, to be killed: `node sqs-process.ts <directory>` prints its endpoint. */
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createSqsServer } from '../../../infra/local/sqs/server.ts';

const authorizer = createAuthorizer([
  { name: 'test', accessKeyId: 'LOCALTEST', secretAccessKey: 'local-secret', statements: 'administrator' },
]);
const server = createSqsServer({ directory: process.argv[2] ?? '', authorizer, log: console.error });
server.createQueue({ name: 'durable', visibilityTimeout: 4 });
process.stdout.write(`${await server.listen()}\n`);
