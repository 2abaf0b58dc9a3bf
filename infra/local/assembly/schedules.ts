import type { Resolved } from './intrinsics.ts';
import type { Schedule, ScheduleTarget } from './model.ts';
import { elements, members, optionalText } from './property.ts';
import { attributeOf, noEndpoints, ruleName } from './references.ts';
import type { Resource } from './resource.ts';
import { AssemblyError } from './template.ts';
import type { AssemblyWorld } from './world.ts';

/** EventBridge rules (scheduled or matching events) and EventBridge Scheduler schedules. */
export function readSchedules(world: AssemblyWorld): readonly Schedule[] {
  return world.resourcesOf('AWS::Events::Rule', 'AWS::Scheduler::Schedule').map((resource) => {
    const { ScheduleExpression, EventPattern, State, Targets, Target } = resource.properties;
    return {
      logicalId: resource.logicalId,
      name: ruleName(resource),
      arn: String(attributeOf(resource, 'Arn', noEndpoints)),
      expression: optionalText(ScheduleExpression),
      eventPattern: EventPattern === undefined ? null : members(EventPattern),
      enabled: State !== 'DISABLED',
      targets: elements(Targets ?? Target).map((target) => scheduleTarget(resource, target)),
    };
  });
}

function scheduleTarget(resource: Resource, value: Resolved): ScheduleTarget {
  const target = members(value);
  if (target.InputTransformer !== undefined || target.InputPath !== undefined) {
    throw new AssemblyError(resource.stack.name, resource.logicalId, 'a transformed input has no local counterpart');
  }
  return {
    arn: String(target.Arn),
    input: optionalText(target.Input),
    messageGroupId: optionalText(members(target.SqsParameters).MessageGroupId),
  };
}
