import { ACCOUNT_ID, bucketArn, REGION } from './settings.ts';

/** What happened to an object, in the words of S3's events without the `s3:` before them. */
export type EventName =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:CompleteMultipartUpload'
  | 'ObjectRemoved:Delete'
  | 'ObjectRemoved:DeleteMarkerCreated'
  | 'LifecycleExpiration:Delete'
  | 'LifecycleExpiration:DeleteMarkerCreated'
  | 'ObjectTagging:Put'
  | 'ObjectTagging:Delete';

export interface ObjectEvent {
  readonly name: EventName;
  readonly bucket: string;
  readonly key: string;
  readonly size?: number;
  readonly etag?: string;
  /** Left out where the bucket keeps no versions. */
  readonly versionId?: string;
  readonly principal: string;
  readonly sourceAddress: string;
  readonly requestId: string;
}

/** The message body that S3 sends for one event. Source: "Event message structure", S3 user guide. */
export function eventMessage(event: ObjectEvent, configurationId: string, sequencer: string, now: number): string {
  const { key, size, etag, versionId } = event;
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: REGION,
    eventTime: new Date(now).toISOString(),
    eventName: event.name,
    userIdentity: { principalId: `AWS:${event.principal}` },
    requestParameters: { sourceIPAddress: event.sourceAddress },
    responseElements: { 'x-amz-request-id': event.requestId, 'x-amz-id-2': 'local' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId,
      bucket: { name: event.bucket, ownerIdentity: { principalId: ACCOUNT_ID }, arn: bucketArn(event.bucket) },
      object: { key: encodedKey(key), size, eTag: etag, versionId, sequencer },
    },
  };
  return JSON.stringify({ Records: [record] });
}

/** The message that S3 sends to a destination when it is configured. */
export function testEventMessage(bucket: string, requestId: string, now: number): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date(now).toISOString(),
    Bucket: bucket,
    RequestId: requestId,
    HostId: 'local',
  });
}

/** Form encoding that leaves slashes alone: a space is `+`, a plus `%2B`. */
export function encodedKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/%20/g, '+')
    .replace(/%2F/g, '/')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** 18 hexadecimal digits that grow with `value`, comparable as text. */
export function sequencerOf(value: number): string {
  return value.toString(16).toUpperCase().padStart(18, '0');
}
