import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { createBodyStore } from './bodies.ts';
import { createBuckets } from './buckets.ts';
import type { Context, KeyCheck } from './context.ts';
import { inTransaction, openDatabase } from './database.ts';
import { noSuchBucket } from './errors.ts';
import { type Faults, noFaults } from './faults.ts';
import { handleRequest } from './handle-request.ts';
import { startLifecycle } from './lifecycle.ts';
import { createListings } from './listing.ts';
import { type Notify, startDelivery } from './notification-delivery.ts';
import { createNotifications } from './notifications.ts';
import { createObjects } from './objects.ts';
import type { BucketSettings, QueueNotification } from './settings.ts';
import { createUploads } from './uploads.ts';

export interface S3ServerOptions {
  /** Where objects and metadata live; made when missing. One process at a time. */
  readonly directory: string;
  readonly authorizer: Authorizer;
  /** Asked whether a bucket's key can be used; without it every key can. */
  readonly kms?: KeyCheck;
  /** Takes an event's message to its queue; called again until it succeeds, across restarts. */
  readonly notify: Notify;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface S3Server {
  /** Settable at any time; all off at first. */
  readonly faults: Faults;
  listen(port?: number): Promise<{ readonly url: string; readonly port: number }>;
  /** Finishes the requests and the notification in hand. */
  close(): Promise<void>;
  /** Creates the bucket, or gives an existing one these settings; its objects stay. */
  createBucket(settings: BucketSettings): void;
  /** Replaces the bucket's notifications; the queues hear `s3:TestEvent` when something changed. */
  configureNotifications(bucket: string, queues: readonly QueueNotification[]): void;
  /** Resolves when every recorded notification has reached its queue. */
  notificationsDrained(): Promise<void>;
}

/** An S3 of one machine: path-style requests on 127.0.0.1, everything acknowledged is on disk. */
export function createS3Server(options: S3ServerOptions): S3Server {
  const context = createContext(options);
  const { clock, database, delivery, faults } = context;
  const stopLifecycle = startLifecycle(context);
  const server = createServer((message, response) => void handleRequest(context, message, response));
  // Uploads may take long; the idle connections of pooled clients must outlive a pause between two requests.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;

  return {
    faults,
    listen: (port = 0) => listenOn(server, port),
    async close() {
      stopLifecycle();
      await closed(server);
      await delivery.stop();
      database.close();
    },
    createBucket: (settings) => context.buckets.save(settings, clock.now()),
    configureNotifications(bucket, queues) {
      if (context.buckets.find(bucket) === undefined) throw noSuchBucket(bucket);
      inTransaction(database, () => context.notifications.configure(bucket, queues, clock.now()));
      delivery.wake();
    },
    notificationsDrained: () => delivery.drained(),
  };
}

function createContext({ directory, authorizer, kms, notify, log, clock = systemClock }: S3ServerOptions): Context {
  const database = openDatabase(directory);
  const objects = createObjects(database);
  const bodies = createBodyStore(directory);
  bodies.sweep(objects.isBodyNamed);
  const faults = noFaults();
  return {
    database,
    bodies,
    buckets: createBuckets(database),
    objects,
    listings: createListings(database),
    uploads: createUploads(database),
    notifications: createNotifications(database),
    delivery: startDelivery(database, notify, faults, clock, log),
    authorizer,
    kms,
    faults,
    clock,
    log,
  };
}

function listenOn(server: Server, port: number): Promise<{ url: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${address.port}`, port: address.port });
    });
  });
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that was busy becomes idle only when its answer is out.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await done;
  clearInterval(sweep);
}
