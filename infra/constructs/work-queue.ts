import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Alias, EventSourceMapping, type IFunction, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { type IQueue, Queue, QueueEncryption, type QueueProps, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { EnvironmentName } from '../../shared/core/env-names.ts';
import type { Alarms } from './alarms.ts';

/** Receives count crashes only: five of them are no accident. */
const maximumReceives = 5;
/** AWS asks for six times the function's time-out, so that throttled polls do not count as crashes. */
const visibilityPerTimeout = 6;
/** A dead letter's clock starts at the first enqueue, so it must outlast the source queue's. */
const retention = Duration.days(4);
const deadLetterRetention = Duration.days(14);
const messageBytes = 1_048_576;
const deadLetterAgeAlarm = Duration.minutes(15);

export interface WorkQueueProps {
  /** Holds the dead-letter queues of all queues. */
  readonly deadLetterScope: Construct;
  /** Fixed, because each of the two queues names the other. */
  readonly queueName: string;
  readonly key: IKey;
  /** Time-out of the function that consumes it. */
  readonly consumerTimeout: Duration;
  readonly deadLetterTimeout: Duration;
  /** How producers learn its URL; undefined where no function of ours sends. */
  readonly environmentName?: EnvironmentName;
  readonly alarms: Alarms;
}

export interface DeliveryOptions {
  readonly batchSize: number;
  /** Executions at once that this queue may hold. */
  readonly maximumConcurrency: number;
}

/** A queue, the dead-letter queue behind it, and the alarm on the latter. */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  private readonly props: WorkQueueProps;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    this.props = props;
    const shared = {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: props.key,
      dataKeyReuse: Duration.minutes(5),
      enforceSSL: true,
      maxMessageSizeBytes: messageBytes,
    } as const satisfies QueueProps;
    this.deadLetters = new Queue(props.deadLetterScope, id, {
      ...shared,
      queueName: `${props.queueName}-dead-letters`,
      retentionPeriod: deadLetterRetention,
      visibilityTimeout: visibilityFor(props.deadLetterTimeout),
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        sourceQueues: [this.named('Source', props.queueName)],
      },
    });
    this.queue = new Queue(this, 'Queue', {
      ...shared,
      queueName: props.queueName,
      retentionPeriod: retention,
      visibilityTimeout: visibilityFor(props.consumerTimeout),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: maximumReceives },
      redriveAllowPolicy: { redrivePermission: RedrivePermission.DENY_ALL },
    });
    this.watchDeadLetters(id);
  }

  /** Lets a function send, and passes it the queue's URL. */
  grantSend(grantee: LambdaFunction): void {
    this.allow(grantee, ['sqs:SendMessage'], ['kms:Decrypt', 'kms:GenerateDataKey']);
  }

  /** Lets a function ask how much is waiting. */
  grantMeasure(grantee: LambdaFunction): void {
    this.allow(grantee, ['sqs:GetQueueAttributes'], []);
  }

  /** Makes a function the consumer; its failures are reported message by message. */
  deliverTo(consumer: IFunction, options: DeliveryOptions): void {
    this.deliver(this.queue, consumer, options);
  }

  /** Makes a function the consumer of what was given up. */
  deliverDeadLettersTo(consumer: IFunction, options: DeliveryOptions): void {
    this.deliver(this.deadLetters, consumer, options);
  }

  /**
   * The CDK's event source would grant unrestricted use of the key, and the right to change message visibility, which nothing
   * does: Lambda asks for no more than these.
   */
  private deliver(queue: Queue, consumer: IFunction, { batchSize, maximumConcurrency }: DeliveryOptions): void {
    const actions = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
    consumer.addToRolePolicy(new PolicyStatement({ actions, resources: [queue.queueArn] }));
    this.grantKey(consumer, ['kms:Decrypt']);
    // Attached to the function, even where its alias is the target: otherwise a stage that starts to roll out would recreate all mappings.
    const scope = consumer instanceof Alias ? consumer.lambda : consumer;
    new EventSourceMapping(scope, `From${queue === this.queue ? '' : 'DeadLettersOf'}${this.node.id}`, {
      target: consumer,
      eventSourceArn: queue.queueArn,
      batchSize,
      maxConcurrency: maximumConcurrency,
      reportBatchItemFailures: true,
    });
  }

  private allow(grantee: LambdaFunction, actions: string[], keyActions: string[]): void {
    const { environmentName } = this.props;
    grantee.addToRolePolicy(new PolicyStatement({ actions, resources: [this.queue.queueArn] }));
    if (keyActions.length > 0) this.grantKey(grantee, keyActions);
    if (environmentName) grantee.addEnvironment(environmentName, this.queue.queueUrl);
  }

  private grantKey(grantee: IFunction, actions: string[]): void {
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions,
        resources: [this.props.key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `sqs.${Stack.of(this).region}.amazonaws.com` } },
      }),
    );
  }

  private named(id: string, queueName: string): IQueue {
    return Queue.fromQueueArn(this, id, Stack.of(this).formatArn({ service: 'sqs', resource: queueName }));
  }

  private watchDeadLetters(name: string): void {
    this.props.alarms.watch(this, 'DeadLetterAge', {
      says: `A dead letter of ${name} is not taken up.`,
      runbook: 'Dead letters wait',
      metric: this.deadLetters.metricApproximateAgeOfOldestMessage({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
      above: deadLetterAgeAlarm.toSeconds(),
    });
  }
}

function visibilityFor(timeout: Duration): Duration {
  return Duration.seconds(visibilityPerTimeout * timeout.toSeconds());
}
