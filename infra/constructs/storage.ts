import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CorsRule,
  HttpMethods,
  type IBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { StageSettings } from '../stage-settings.ts';

/** An audit root can be removed earlier only by someone with the right to bypass governance. */
const auditRetention = Duration.days(365);

const closed = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
} as const satisfies BucketProps;

export interface StorageProps {
  readonly stage: StageSettings;
  readonly key: IKey;
}

/** Where documents rest, where the audit trail's roots are locked, and where both log who asked for what. */
export class Storage extends Construct {
  readonly content: IBucket;
  readonly audit: IBucket;

  constructor(scope: Construct, id: string, { stage, key }: StorageProps) {
    super(scope, id);
    const accessLogs = this.createAccessLogBucket(stage);
    const encrypted = { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true } as const;
    // The CDK's classes are not declared for exact optional properties; its interfaces are what it accepts.
    this.content = new Bucket(this, 'Content', {
      ...closed,
      ...encrypted,
      versioned: true,
      removalPolicy: removalPolicy(stage),
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'content/',
      cors: corsOf(stage),
      lifecycleRules: [
        {
          id: 'leftovers',
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          noncurrentVersionExpiration: Duration.days(30),
          expiredObjectDeleteMarker: true,
        },
      ],
    }) as IBucket;
    this.audit = new Bucket(this, 'Audit', {
      ...closed,
      ...encrypted,
      versioned: true,
      objectLockDefaultRetention: ObjectLockRetention.governance(auditRetention),
      removalPolicy: RemovalPolicy.RETAIN,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'audit/',
      lifecycleRules: [{ id: 'leftovers', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    }) as IBucket;
  }

  /** Log delivery can write to a bucket with S3's own key only. */
  private createAccessLogBucket(stage: StageSettings): IBucket {
    return new Bucket(this, 'AccessLogs', {
      ...closed,
      encryption: BucketEncryption.S3_MANAGED,
      versioned: true,
      removalPolicy: removalPolicy(stage),
      lifecycleRules: [
        {
          id: 'end',
          expiration: Duration.days(stage.operations.logRetentionDays),
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    }) as IBucket;
  }
}

/** On one machine the API may listen on any port of it. */
export const loopbackOrigins = ['http://localhost:*', 'http://127.0.0.1:*'];

/** Browsers only PUT to signed URLs, and only from our own pages. */
function corsOf({ api, network }: StageSettings): CorsRule[] {
  const allowedOrigins = [...api.corsOrigins, ...(network.loopback ? loopbackOrigins : [])];
  if (allowedOrigins.length === 0) return [];
  return [
    {
      allowedMethods: [HttpMethods.PUT],
      allowedOrigins,
      allowedHeaders: ['content-type', 'content-length', 'x-amz-*'],
      exposedHeaders: ['etag'],
      maxAge: 3_000,
    },
  ];
}

function removalPolicy({ operations }: StageSettings): RemovalPolicy {
  return operations.dataOnRemoval === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
