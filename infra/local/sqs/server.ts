import type { IncomingMessage, ServerResponse } from 'node:http';
import { AwsError } from '../aws/aws-error.ts';
import { type Clock, systemClock } from '../aws/clock.ts';
import { createJsonService, type Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { type Faults, noFaults } from './faults.ts';
import type { OutgoingMessage } from './message.ts';
import { messageOperations } from './message-operations.ts';
import { openMessageStore } from './message-store.ts';
import { createMoveTasks } from './move-tasks.ts';
import { queryErrorCode } from './query-errors.ts';
import { LocalQueue, type Totals } from './queue.ts';
import { queueOperations } from './queue-operations.ts';
import { defaultSettings, type QueueSettings } from './queue-settings.ts';
import { checkRedrive } from './redrive-permission.ts';

export interface SqsServerOptions {
  /** Where `queues.sqlite` is kept; without it nothing outlives the process. */
  readonly directory?: string;
  readonly authorizer: Authorizer;
  readonly log: Log;
  readonly clock?: Clock;
  /** `us-east-1` unless told. */
  readonly region?: string;
  /** Twelve zeros unless told. */
  readonly accountId?: string;
  readonly faults?: Partial<Faults>;
  /**
   * Gives back at the start what was in flight when the last process ended, instead of waiting for its visibility timeout.
   * Right when the receivers died with that process.
   */
  readonly releaseInFlightOnStart?: boolean;
}

/** A queue at one moment. */
export interface QueueStats extends Totals {
  readonly name: string;
  readonly arn: string;
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly oldestAgeSeconds: number;
}

/** SQS on one machine. */
export interface SqsServer {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Gives the endpoint; queue URLs name its host and port. */
  listen(port?: number): Promise<string>;
  close(): Promise<void>;
  /** Makes a queue, or changes the one of that name: what is not said falls back to AWS's default. Keeps its messages. */
  createQueue(settings: Partial<QueueSettings> & { readonly name: string }): LocalQueue;
  /** By name or ARN. */
  queue(nameOrArn: string): LocalQueue | undefined;
  /** Only after `listen`. */
  urlOf(queue: LocalQueue): string;
  /** Sends for a service (S3 notifications, schedules), past IAM. Throws when there is no such queue. */
  sendInternal(queueArn: string, body: string, options?: Partial<Omit<OutgoingMessage, 'body'>>): { messageId: string };
  stats(): QueueStats[];
  setFaults(faults: Partial<Faults>): void;
}

/** Opens the queues in `directory` and serves them by AWS JSON 1.0. */
export function createSqsServer(options: SqsServerOptions): SqsServer {
  const { authorizer, log, clock = systemClock, region = 'us-east-1', accountId = '000000000000' } = options;
  const store = openMessageStore(options.directory);
  if (options.releaseInFlightOnStart === true) store.releaseInFlight(clock.now());
  const queues = new Map<string, LocalQueue>();
  let faults: Faults = { ...noFaults, ...options.faults };
  let endpoint: string | undefined;

  const arnOf = (name: string): string => `arn:aws:sqs:${region}:${accountId}:${name}`;
  const queueOf = (nameOrArn: string): LocalQueue | undefined => queues.get(nameOrArn) ?? queues.get(arnOf(nameOrArn));
  const surroundings = { store, clock, log, faults: () => faults, queueOf };
  const moveTasks = createMoveTasks(queueOf, clock, log);
  for (const settings of store.queues()) queues.set(settings.arn, new LocalQueue(settings, surroundings));

  function save(settings: QueueSettings): LocalQueue {
    checkRedrive(settings, queueOf);
    store.saveQueue(settings);
    const known = queues.get(settings.arn) ?? new LocalQueue(settings, surroundings);
    known.settings = settings;
    queues.set(settings.arn, known);
    return known;
  }
  function create(settings: Partial<QueueSettings> & { readonly name: string }): LocalQueue {
    const arn = settings.arn ?? arnOf(settings.name);
    const createdAt = queues.get(arn)?.settings.createdAt ?? clock.now();
    return save({ ...defaultSettings, ...settings, arn, createdAt });
  }
  function urlOf(queue: LocalQueue): string {
    if (endpoint === undefined) throw new Error('A queue has no URL before the server listens');
    return `${endpoint}/${accountId}/${queue.settings.name}`;
  }
  function queueOfUrl(url: string): LocalQueue {
    const queue = queueOf(url.slice(url.lastIndexOf('/') + 1));
    if (queue === undefined) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  }
  function remove(queue: LocalQueue): void {
    store.removeQueue(queue.arn);
    queues.delete(queue.arn);
    queue.close();
  }

  const administration = {
    ...{ authorizer, queueOfUrl, faults: () => faults, queues: () => [...queues.values()], queueOfArn: queueOf },
    ...{ arnOf, urlOf, create, remove, moveTasks },
    change: (queue: LocalQueue, changed: Partial<QueueSettings>) => void save({ ...queue.settings, ...changed }),
  };
  const service = createJsonService({
    ...{ service: 'sqs', targetPrefix: 'AmazonSQS', version: '1.0', errorNamespace: 'com.amazonaws.sqs' },
    ...{ queryErrorCode, authorizer, log },
    operations: { ...messageOperations(administration), ...queueOperations(administration) },
  });

  return {
    handle: service.handle,
    async listen(port) {
      endpoint = await service.listen(port);
      return endpoint;
    },
    async close() {
      moveTasks.close();
      for (const queue of queues.values()) queue.close();
      await service.close();
      store.close();
    },
    createQueue: create,
    queue: queueOf,
    urlOf,
    sendInternal(queueArn, body, message = {}) {
      const queue = queues.get(queueArn);
      if (queue === undefined) throw new Error(`There is no queue ${queueArn}`);
      return queue.send({ sender: 'aws', ...message, body });
    },
    stats: () =>
      [...queues.values()].map((queue) => ({
        name: queue.settings.name,
        arn: queue.arn,
        ...queue.counts(),
        ...queue.totals,
      })),
    setFaults(changed) {
      faults = { ...faults, ...changed };
    },
  };
}
