import type { Assembly } from '../assembly/model.ts';
import { createEventBridge, type EventBridge } from '../events/event-bridge.ts';
import { createAuthorizer, type LocalIam } from '../iam/create-authorizer.ts';
import { createKmsServer, type KmsServer } from '../kms/server.ts';
import { createS3Server, type S3Server } from '../s3/server.ts';
import { createSecretsManagerServer, type SecretsManagerServer } from '../secrets-manager/server.ts';
import { createSqsServer, type SqsServer } from '../sqs/server.ts';
import type { DataDirectory } from './data-directory.ts';
import { listenAgain } from './listen.ts';
import { administrator, principalsOfRoles } from './principals.ts';

/** The stand-ins for AWS, listening, with everything that the templates declare in them. */
export interface AwsServices {
  readonly iam: LocalIam;
  readonly kms: KmsServer;
  readonly secrets: SecretsManagerServer;
  readonly sqs: SqsServer;
  readonly s3: S3Server;
  readonly events: EventBridge;
  /** Service as in `AWS_ENDPOINT_URL_<SERVICE>` → URL. */
  readonly endpoints: Readonly<Record<'KMS' | 'SECRETS_MANAGER' | 'SQS' | 'S3' | 'EVENTBRIDGE', string>>;
  close(): Promise<void>;
}

export async function startAwsServices(
  assembly: Assembly,
  data: DataDirectory,
  log: (line: string) => void,
): Promise<AwsServices> {
  const { rootKey } = data.state;
  const authorizer = createAuthorizer([administrator(rootKey), ...principalsOfRoles(rootKey, assembly.roles).values()]);
  const shared = (service: string) => ({ authorizer, log: serviceLog(service, log) });
  const kms = createKmsServer({ directory: data.directory('kms'), ...shared('kms') });
  for (const key of assembly.keys) kms.createKey(key);
  const secrets = createSecretsManagerServer({ directory: data.directory('secrets'), kms, ...shared('secrets') });
  for (const secret of assembly.secrets) secrets.createSecret(secret);
  const sqs = createSqsServer({
    directory: data.directory('sqs'),
    // The receivers of messages ended with the previous process.
    releaseInFlightOnStart: true,
    ...shared('sqs'),
  });
  createQueues(sqs, assembly);
  const s3 = createS3Server({
    directory: data.directory('s3'),
    kms,
    notify: (queueArn, body) => void sqs.sendInternal(queueArn, body),
    ...shared('s3'),
  });
  for (const bucket of assembly.buckets) {
    s3.createBucket(bucket);
    s3.configureNotifications(bucket.name, bucket.notifications);
  }
  const events = createEventBridge(shared('events'));
  const servers = { kms, secrets, sqs, s3, events };
  return { iam: authorizer, ...servers, endpoints: await listenAll(servers, data), close: () => closeAll(servers) };
}

type Servers = Pick<AwsServices, 'kms' | 'secrets' | 'sqs' | 's3' | 'events'>;

async function listenAll(servers: Servers, data: DataDirectory): Promise<AwsServices['endpoints']> {
  const { ports } = data.state;
  const [KMS, SECRETS_MANAGER, SQS, { url: S3 }, EVENTBRIDGE] = await Promise.all([
    listenAgain((port) => servers.kms.listen(port), ports.kms),
    listenAgain((port) => servers.secrets.listen(port), ports.secrets),
    listenAgain((port) => servers.sqs.listen(port), ports.sqs),
    listenAgain((port) => servers.s3.listen(port), ports.s3),
    listenAgain((port) => servers.events.listen(port), ports.events),
  ]);
  const portOf = (url: string): number => Number(new URL(url).port);
  data.remember({
    ports: {
      ...data.state.ports,
      kms: portOf(KMS),
      secrets: portOf(SECRETS_MANAGER),
      sqs: portOf(SQS),
      s3: portOf(S3),
      events: portOf(EVENTBRIDGE),
    },
  });
  return { KMS, SECRETS_MANAGER, SQS, S3, EVENTBRIDGE };
}

/** S3 first: it still hands notifications to SQS. */
async function closeAll({ kms, secrets, sqs, s3, events }: Servers): Promise<void> {
  await events.close();
  await s3.close();
  await Promise.all([sqs.close(), secrets.close(), kms.close()]);
}

/** Dead-letter queues first, since a queue may only name one that exists. */
function createQueues(sqs: SqsServer, assembly: Assembly): void {
  const isTarget = (arn: string): boolean => assembly.queues.some(({ redrive }) => redrive?.deadLetterArn === arn);
  const inOrder = [...assembly.queues].sort((one, other) => Number(isTarget(other.arn)) - Number(isTarget(one.arn)));
  for (const queue of inOrder) {
    sqs.createQueue({
      name: queue.name,
      visibilityTimeout: queue.visibilityTimeoutSeconds,
      retention: queue.retentionSeconds,
      delaySeconds: queue.delaySeconds,
      receiveWaitSeconds: queue.receiveWaitSeconds,
      maximumMessageSize: queue.maximumMessageBytes,
      ...(queue.redrive === null
        ? {}
        : {
            redrivePolicy: {
              deadLetterTargetArn: queue.redrive.deadLetterArn,
              maxReceiveCount: queue.redrive.maximumReceives,
            },
          }),
      ...(queue.keyArn === null ? {} : { kmsKeyArn: queue.keyArn }),
    });
  }
}

export const serviceLog =
  (service: string, log: (line: string) => void) =>
  (message: string, fields?: Readonly<Record<string, unknown>>): void =>
    log(`${service}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
