import { functionNameOfArn } from '../assembly/functions.ts';
import type { Schedule, ScheduleTarget } from '../assembly/model.ts';
import type { LambdaService } from '../lambda/lambda-service.ts';
import type { AwsServices } from './aws-services.ts';

/** Gives the rules and schedules of the assembly to EventBridge; their targets are queues and functions. */
export function addSchedules(schedules: readonly Schedule[], aws: AwsServices, lambda: LambdaService): void {
  for (const schedule of schedules) {
    aws.events.addRule({
      ...schedule,
      targets: schedule.targets.map((target) => ({
        input: target.input,
        deliver: delivery(target, aws, lambda),
      })),
    });
  }
}

function delivery(target: ScheduleTarget, aws: AwsServices, lambda: LambdaService): (body: string) => void {
  const { arn, messageGroupId } = target;
  if (arn.startsWith('arn:aws:sqs:')) {
    const options = messageGroupId === null ? {} : { groupId: messageGroupId };
    return (body) => void aws.sqs.sendInternal(arn, body, options);
  }
  const runner = lambda.runner(functionNameOfArn(arn));
  return (body) => lambda.invokeLater(runner, body);
}
