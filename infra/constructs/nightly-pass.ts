import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { WorkQueue } from './work-queue.ts';

/** After the nightly backup and before the day of any office that shares the region's time. */
const schedule = Schedule.cron({ minute: '30', hour: '3' });

/** One full pass a night: what no message brought is found by looking. */
export class NightlyPass extends Construct {
  constructor(scope: Construct, id: string, maintenance: WorkQueue) {
    super(scope, id);
    new Rule(this, 'Rule', {
      description: 'dbrag: the nightly pass over everything',
      schedule,
      targets: [
        new SqsQueue(maintenance.queue, {
          message: RuleTargetInput.fromObject({ v: 1, kind: 'sweep', full: true }),
          // A night that could not be sent counts, and alarms, as work that was given up.
          deadLetterQueue: maintenance.deadLetters as IQueue,
        }),
      ],
    });
  }
}
