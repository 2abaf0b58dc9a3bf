import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Bucket,
  BucketNotificationDestinationType,
  EventType,
  type IBucket,
  type IBucketNotificationDestination,
} from 'aws-cdk-lib/aws-s3';
import { type CfnResource, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { encryptedLogGroup, type LogSettings } from './log-group.ts';
import type { WorkQueue } from './work-queue.ts';

/** The CDK's name for its one handler a stack. */
const handlerId = 'BucketNotificationsHandler050a0587b7544547bf325f094a3db834';
const handlerMegabytes = 128;

export interface UploadNotificationProps {
  readonly bucket: IBucket;
  readonly queue: WorkQueue;
  readonly prefix: string;
  readonly logs: LogSettings;
}

/**
 * Tells a queue of every object that comes or goes below a prefix. The bucket is imported, since a bucket and a queue of two stacks that name each
 * other would make a circle; the function that sets the notification is the CDK's own, with a role of ours in place of its
 * managed policy.
 */
export class UploadNotification extends Construct {
  constructor(scope: Construct, id: string, { bucket, queue, prefix, logs }: UploadNotificationProps) {
    super(scope, id);
    const logGroup = encryptedLogGroup(this, 'Logs', logs);
    const role = this.createRole(bucket);
    logGroup.grantWrite(role);
    const imported = Bucket.fromBucketAttributes(this, 'Bucket', {
      bucketArn: bucket.bucketArn,
      notificationsHandlerRole: role.withoutPolicyUpdates(),
    });
    // A removed object is a deleted document.
    const events = [EventType.OBJECT_CREATED, EventType.OBJECT_REMOVED];
    for (const event of events) imported.addEventNotification(event, destinationOf(queue, bucket), { prefix });
    this.settleHandler(role, logGroup.logGroupName);
  }

  /** The CDK leaves its handler's log group without a key and an end, and lets it start before its role may do anything. */
  private settleHandler(role: Role, logGroupName: string): void {
    const handler = Stack.of(this).node.findChild(handlerId).node.findChild('Resource') as CfnResource;
    handler.addPropertyOverride('LoggingConfig', { LogGroup: logGroupName });
    handler.addPropertyOverride('Architectures', ['arm64']);
    handler.addPropertyOverride('MemorySize', handlerMegabytes);
    handler.node.addDependency(role);
  }

  private createRole(bucket: IBucket): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:GetBucketNotification', 's3:PutBucketNotification'],
        resources: [bucket.bucketArn],
      }),
    );
    return role;
  }
}

/** The CDK's own destination names the bucket in the key's policy as well, which makes a circle with the bucket's key. */
function destinationOf({ queue }: WorkQueue, bucket: IBucket): IBucketNotificationDestination {
  queue.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('s3.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: {
        ArnEquals: { 'aws:SourceArn': bucket.bucketArn },
        StringEquals: { 'aws:SourceAccount': Stack.of(queue).account },
      },
    }),
  );
  return {
    bind: () => ({ type: BucketNotificationDestinationType.QUEUE, arn: queue.queueArn, dependencies: [queue] }),
  };
}
