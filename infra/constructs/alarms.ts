import {
  Alarm,
  type AlarmBase,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

export interface AlarmsProps {
  /** Null: alarms show in the console and notify nobody. */
  readonly email: string | null;
  readonly key: IKey;
}

export interface Watched {
  /** One sentence: what is the matter. */
  readonly says: string;
  /** The heading of `docs/runbook.md` that says what to do, as it stands there. */
  readonly runbook: string;
  readonly metric: IMetric;
  /** The alarm goes off above it. */
  readonly above: number;
  /** Periods of the metric in a row; default 1. */
  readonly periods?: number;
}

/** Makes alarms, which all end in the words of a heading of the runbook, and are where they write to. */
export class Alarms extends Construct {
  private readonly action: SnsAction | undefined;
  /** All alarms, to show in one place whether anything is wrong. */
  readonly all: AlarmBase[] = [];

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

  /** An alarm that writes to somebody. Silence is no alarm: nothing is published where nothing happens. */
  watch(scope: Construct, id: string, watched: Watched): Alarm {
    const alarm = this.create(scope, id, watched);
    if (this.action) alarm.addAlarmAction(this.action);
    this.all.push(alarm);
    return alarm;
  }

  /** Notifies only while all of its parts are active; the parts by themselves notify nobody. */
  watchTogether(
    scope: Construct,
    id: string,
    { says, runbook, parts }: Pick<Watched, 'says' | 'runbook'> & { readonly parts: Readonly<Record<string, Watched>> },
  ): CompositeAlarm {
    const alarms = Object.entries(parts).map(([name, watched]) => this.create(scope, `${id}${name}`, watched));
    const alarm = new CompositeAlarm(scope, id, {
      alarmDescription: describe(says, runbook),
      alarmRule: AlarmRule.allOf(...alarms.map((part) => AlarmRule.fromAlarm(part, AlarmState.ALARM))),
    });
    if (this.action) alarm.addAlarmAction(this.action);
    this.all.push(alarm);
    return alarm;
  }

  private create(scope: Construct, id: string, { says, runbook, metric, above, periods = 1 }: Watched): Alarm {
    return new Alarm(scope, id, {
      alarmDescription: describe(says, runbook),
      metric,
      threshold: above,
      evaluationPeriods: periods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

const describe = (says: string, runbook: string): string => `${says} Runbook: ${runbook}`;
