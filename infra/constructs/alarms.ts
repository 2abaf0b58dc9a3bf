import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

export interface AlarmsProps {
  /** Null: alarms show in the console and write to nobody. */
  readonly email: string | null;
  readonly key: IKey;
}

/** Where alarms go. */
export class Alarms extends Construct {
  private readonly action: SnsAction | undefined;

  constructor(scope: Construct, id: string, { email, key }: AlarmsProps) {
    super(scope, id);
    if (email === null) return;
    const topic = new Topic(this, 'Topic', { masterKey: key, enforceSSL: true });
    topic.addSubscription(new EmailSubscription(email));
    Validations.of(topic).acknowledge({
      id: 'Serverless-SNSRedrivePolicy',
      reason: 'A mail that could not be delivered helps nobody later; the alarm itself stays on in the console.',
    });
    this.action = new SnsAction(topic);
  }

  notify(alarm: Alarm): void {
    if (this.action) alarm.addAlarmAction(this.action);
  }
}
