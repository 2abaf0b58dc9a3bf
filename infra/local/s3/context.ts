import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { DatabaseSync } from 'node:sqlite';
import type { Identity } from '../aws/authenticate.ts';
import type { Clock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import type { BodyStore } from './bodies.ts';
import type { Buckets } from './buckets.ts';
import type { Faults } from './faults.ts';
import type { Listings } from './listing.ts';
import type { NotificationDelivery } from './notification-delivery.ts';
import type { Notifications } from './notifications.ts';
import type { Objects } from './objects.ts';
import type { BucketState } from './settings.ts';
import type { Uploads } from './uploads.ts';

/** Whether SSE-KMS can use a key now. Throws when it is unknown or disabled. */
export interface KeyCheck {
  requireUsable(keyArn: string): void;
}

/** The parts of the server, wired once. */
export interface Context {
  readonly database: DatabaseSync;
  readonly bodies: BodyStore;
  readonly buckets: Buckets;
  readonly objects: Objects;
  readonly listings: Listings;
  readonly uploads: Uploads;
  readonly notifications: Notifications;
  readonly delivery: NotificationDelivery;
  readonly authorizer: Authorizer;
  readonly kms: KeyCheck | undefined;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Log;
}

/** One request, read and authenticated. */
export interface S3Request {
  readonly message: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  readonly identity: Identity;
  readonly requestId: string;
  readonly operation: string;
  readonly bucketName: string;
  /** Decoded; empty for operations on buckets. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
}

/** A request on a bucket that exists. */
export interface BucketRequest extends S3Request {
  readonly bucket: BucketState;
}

/** Answers the request, or throws an AwsError. */
export type Operation<R extends S3Request = BucketRequest> = (context: Context, request: R) => void | Promise<void>;

/** A header of the request as one string. */
export function headerOf(request: S3Request, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
