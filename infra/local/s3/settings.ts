/** What a bucket's `AWS::S3::Bucket` resource says, in the shape that the assembly's reader gives. */
export interface BucketSettings {
  readonly name: string;
  /** Turning it off again suspends versioning, as CloudFormation does: versions that exist stay. */
  readonly versioned?: boolean;
  /** SSE-KMS with this key by default; SSE-S3 when null. */
  readonly keyArn?: string | null;
  readonly bucketKey?: boolean;
  readonly cors?: readonly CorsRule[];
  readonly objectLock?: {
    readonly enabled: boolean;
    readonly retention?: { readonly mode: string; readonly days: number } | null;
  };
  readonly lifecycle?: readonly LifecycleRule[];
}

/** A bucket as the server keeps it. */
export interface BucketState extends BucketSettings {
  /** Undefined in a bucket that never kept versions. */
  readonly versioning?: 'Enabled' | 'Suspended';
}

export interface CorsRule {
  readonly allowedMethods: readonly string[];
  /** Each may hold one `*`. */
  readonly allowedOrigins: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly maxAgeSeconds: number | null;
}

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE';

/** Ages are whole days; a rule without prefix holds for the whole bucket. */
export interface LifecycleRule {
  readonly prefix?: string;
  readonly expirationDays?: number;
  readonly noncurrentVersionExpirationDays?: number;
  readonly abortIncompleteMultipartUploadDays?: number;
}

/** One queue of `Custom::S3BucketNotifications`. Empty prefix and suffix let every key through. */
export interface QueueNotification {
  readonly id: string;
  readonly queueArn: string;
  /** `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`, … */
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

export const REGION = 'us-east-1';
export const ACCOUNT_ID = '000000000000';

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

export function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}
