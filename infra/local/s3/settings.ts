/** What a bucket's `AWS::S3::Bucket` resource says, with every intrinsic resolved. */
export interface BucketSettings {
  readonly name: string;
  readonly versioning?: 'Enabled' | 'Suspended';
  /** Server-side encryption by default: SSE-KMS when a key ARN is given, SSE-S3 otherwise. */
  readonly encryption?: { readonly kmsKeyArn?: string; readonly bucketKey?: boolean };
  readonly cors?: readonly CorsRule[];
  readonly objectLock?: { readonly enabled: boolean; readonly defaultRetention?: DefaultRetention };
  readonly lifecycle?: readonly LifecycleRule[];
}

export interface CorsRule {
  readonly AllowedOrigins: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedHeaders?: readonly string[];
  readonly ExposedHeaders?: readonly string[];
  readonly MaxAge?: number;
}

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface DefaultRetention {
  readonly mode: RetentionMode;
  readonly days: number;
}

/** Ages are whole days; a rule without prefix holds for the whole bucket. */
export interface LifecycleRule {
  readonly prefix?: string;
  readonly expirationDays?: number;
  readonly noncurrentVersionExpirationDays?: number;
  readonly abortIncompleteMultipartUploadDays?: number;
}

/** `NotificationConfiguration` of `Custom::S3BucketNotifications` and of PutBucketNotificationConfiguration. */
export interface NotificationConfiguration {
  readonly QueueConfigurations?: readonly QueueConfiguration[];
  readonly TopicConfigurations?: readonly unknown[];
  readonly LambdaFunctionConfigurations?: readonly unknown[];
  readonly EventBridgeConfiguration?: unknown;
}

export interface QueueConfiguration {
  readonly Id?: string;
  readonly QueueArn: string;
  readonly Events: readonly string[];
  readonly Filter?: {
    readonly Key?: { readonly FilterRules?: readonly { readonly Name: string; readonly Value: string }[] };
  };
}

export const REGION = 'us-east-1';
export const ACCOUNT_ID = '000000000000';

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

export function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}
