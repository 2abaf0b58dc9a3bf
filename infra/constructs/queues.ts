import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { type Duration, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { type EnvironmentName, environmentNames as names } from '../../shared/core/env-names.ts';
import type { Alarms } from './alarms.ts';
import { WorkQueue } from './work-queue.ts';

export const priorities = ['critical', 'default', 'low'] as const;
export type Priority = (typeof priorities)[number];

/** Time-outs of the functions that consume. */
export interface ConsumerTimeouts {
  readonly registerUpload: Duration;
  readonly ingestDocument: Duration;
  readonly embedChunks: Duration;
  readonly describeTable: Duration;
  readonly maintain: Duration;
  readonly deadLetter: Duration;
}

export interface QueuesProps {
  readonly stageName: string;
  readonly key: IKey;
  readonly timeouts: ConsumerTimeouts;
  readonly alarms: Alarms;
}

const ingestNames: Readonly<Record<Priority, EnvironmentName>> = {
  critical: names.queueUrlIngestCritical,
  default: names.queueUrlIngestDefault,
  low: names.queueUrlIngestLow,
};
const embedNames: Readonly<Record<Priority, EnvironmentName>> = {
  critical: names.queueUrlEmbedCritical,
  default: names.queueUrlEmbedDefault,
  low: names.queueUrlEmbedLow,
};

/** All queues of the service: one ingest and one embed queue per priority, so that what is urgent overtakes. */
export class Queues extends Construct {
  readonly uploads: WorkQueue;
  readonly ingest: Readonly<Record<Priority, WorkQueue>>;
  readonly embed: Readonly<Record<Priority, WorkQueue>>;
  readonly maintenance: WorkQueue;
  readonly catalog: WorkQueue;
  private readonly props: QueuesProps;
  private readonly deadLetterScope: Construct;

  constructor(scope: Construct, id: string, props: QueuesProps) {
    super(scope, id);
    this.props = props;
    const { timeouts } = props;
    this.deadLetterScope = new Construct(this, 'DeadLetters');
    Validations.of(this.deadLetterScope).acknowledge({
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'These are the dead-letter queues: behind them stands an alarm, not another queue.',
    });
    this.uploads = this.create('uploads', timeouts.registerUpload, names.queueUrlUploads);
    this.ingest = byPriority((priority) =>
      this.create(`ingest-${priority}`, timeouts.ingestDocument, ingestNames[priority]),
    );
    this.embed = byPriority((priority) => this.create(`embed-${priority}`, timeouts.embedChunks, embedNames[priority]));
    this.maintenance = this.create('maintenance', timeouts.maintain, names.queueUrlMaintenance);
    this.catalog = this.create('catalog', timeouts.describeTable, names.queueUrlCatalog);
  }

  get all(): readonly WorkQueue[] {
    return [this.uploads, ...Object.values(this.ingest), ...Object.values(this.embed), this.maintenance, this.catalog];
  }

  grantSendIngest(grantee: LambdaFunction): void {
    for (const priority of priorities) this.ingest[priority].grantSend(grantee);
  }

  grantSendEmbed(grantee: LambdaFunction): void {
    for (const priority of priorities) this.embed[priority].grantSend(grantee);
  }

  /** How much of documents waits: for a sweeper that holds off while consumers are busy. */
  grantMeasure(grantee: LambdaFunction): void {
    for (const priority of priorities) {
      this.ingest[priority].grantMeasure(grantee);
      this.embed[priority].grantMeasure(grantee);
    }
  }

  private create(name: string, consumerTimeout: Duration, environmentName?: EnvironmentName): WorkQueue {
    const { stageName, key, timeouts, alarms } = this.props;
    return new WorkQueue(this, name, {
      deadLetterScope: this.deadLetterScope,
      queueName: `dbrag-${stageName}-${name}`,
      key,
      consumerTimeout,
      deadLetterTimeout: timeouts.deadLetter,
      alarms,
      ...(environmentName === undefined ? {} : { environmentName }),
    });
  }
}

function byPriority<Value>(create: (priority: Priority) => Value): Record<Priority, Value> {
  return { critical: create('critical'), default: create('default'), low: create('low') };
}
