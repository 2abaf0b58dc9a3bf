import {
  type Assertion,
  every,
  type Found,
  functionIdOf,
  functionNamed,
  leadsTo,
  list,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

const queueType = 'AWS::SQS::Queue';
const mappingType = 'AWS::Lambda::EventSourceMapping';
const fourteenDays = 1_209_600;
const fourDays = 345_600;
const names = [
  'uploads',
  'ingest-critical',
  'ingest-default',
  'ingest-low',
  'embed-critical',
  'embed-default',
  'embed-low',
  'maintenance',
  'catalog',
];

const isDeadLetterQueue = ({ properties }: Found) => String(properties.QueueName).endsWith('-dead-letters');
const isWorkQueue = (found: Found) => !isDeadLetterQueue(found);
const consumersOf = (queue: Found, system: System) =>
  resourcesOf(system, mappingType).filter(({ properties }) => targetOf(properties.EventSourceArn) === queue.id);

export const queueAssertions: readonly Assertion[] = [
  {
    area: 'queues',
    name: 'the queues are these, each with its dead letters',
    check: (system, stage) => {
      const found = resourcesOf(system, queueType).map(({ properties }) => properties.QueueName);
      const wanted = names.flatMap((name) => [
        `dbrag-${stage.name}-${name}`,
        `dbrag-${stage.name}-${name}-dead-letters`,
      ]);
      return [...wanted.filter((name) => !found.includes(name)), ...found.filter((name) => !wanted.includes(name))];
    },
    spoil: (system) => {
      const queue = resourcesOf(system, queueType)[0];
      if (queue) queue.properties.QueueName = 'another';
    },
  },
  every({
    area: 'queues',
    name: 'five receives, then the dead-letter queue',
    type: queueType,
    where: isWorkQueue,
    demand: ({ properties }, system) => {
      const target = targetOf(properties.RedrivePolicy?.deadLetterTargetArn);
      return (
        properties.RedrivePolicy?.maxReceiveCount === 5 &&
        resourcesOf(system, queueType).some(({ id }) => id === target)
      );
    },
    break: ({ properties }) => {
      properties.RedrivePolicy = undefined;
    },
  }),
  every({
    area: 'queues',
    name: 'dead letters are kept for 14 days, longer than what they come from',
    type: queueType,
    demand: (found) =>
      isDeadLetterQueue(found)
        ? found.properties.MessageRetentionPeriod === fourteenDays
        : found.properties.MessageRetentionPeriod === fourDays,
    break: ({ properties }) => {
      properties.MessageRetentionPeriod = properties.MessageRetentionPeriod === fourteenDays ? 60 : fourteenDays;
    },
  }),
  every({
    area: 'queues',
    name: 'a dead-letter queue takes from its own queue only',
    type: queueType,
    where: isDeadLetterQueue,
    demand: ({ properties }) => {
      const { redrivePermission, sourceQueueArns } = properties.RedriveAllowPolicy ?? {};
      const source = `:${String(properties.QueueName).replace(/-dead-letters$/, '')}"`;
      return (
        redrivePermission === 'byQueue' &&
        list(sourceQueueArns).length === 1 &&
        JSON.stringify(sourceQueueArns).includes(source)
      );
    },
    break: ({ properties }) => {
      properties.RedriveAllowPolicy = { redrivePermission: 'allowAll' };
    },
  }),
  every({
    area: 'queues',
    name: 'a queue is nobody’s dead-letter queue by accident',
    type: queueType,
    where: isWorkQueue,
    demand: ({ properties }) => properties.RedriveAllowPolicy?.redrivePermission === 'denyAll',
    break: ({ properties }) => {
      properties.RedriveAllowPolicy = undefined;
    },
  }),
  every({
    area: 'queues',
    name: 'messages stay invisible for six times the consumer’s time-out',
    type: queueType,
    demand: (queue, system) => {
      const consumers = consumersOf(queue, system).map(({ properties }) =>
        resourcesOf(system, 'AWS::Lambda::Function').find(
          ({ id }) => id === functionIdOf(properties.FunctionName, system),
        ),
      );
      return (
        consumers.length === 1 &&
        consumers.every((consumer) => queue.properties.VisibilityTimeout === 6 * consumer?.properties.Timeout)
      );
    },
    break: ({ properties }) => {
      properties.VisibilityTimeout -= 1;
    },
  }),
  every({
    area: 'queues',
    name: 'dead letters go to the dead-letter function',
    type: queueType,
    where: isDeadLetterQueue,
    demand: (queue, system) => {
      const { id } = functionNamed(system, 'queue/dead-letter');
      return consumersOf(queue, system).some(({ properties }) => functionIdOf(properties.FunctionName, system) === id);
    },
    break: (queue, system) => {
      for (const { id } of consumersOf(queue, system)) delete system.service.Resources[id];
    },
  }),
  every({
    area: 'queues',
    name: 'the age of dead letters alarms',
    type: queueType,
    where: isDeadLetterQueue,
    demand: ({ id }, system) =>
      resourcesOf(system, 'AWS::CloudWatch::Alarm').some(
        ({ properties }) =>
          properties.MetricName === 'ApproximateAgeOfOldestMessage' &&
          list(properties.Dimensions).some(({ Value }) => leadsTo(Value, id)),
      ),
    break: (_queue, system) => {
      for (const { properties } of resourcesOf(system, 'AWS::CloudWatch::Alarm')) properties.MetricName = 'Other';
    },
  }),
  every({
    area: 'queues',
    name: 'the size of messages is limited to what SQS takes',
    type: queueType,
    demand: ({ properties }) => properties.MaximumMessageSize === 1_048_576,
    break: ({ properties }) => {
      properties.MaximumMessageSize = undefined;
    },
  }),
  {
    area: 'queues',
    name: 'services send to a queue for this account only',
    check: (system) =>
      resourcesOf(system, 'AWS::SQS::QueuePolicy').flatMap(({ id, properties }) =>
        list(properties.PolicyDocument.Statement)
          .filter(({ Effect }) => Effect === 'Allow')
          .filter(({ Condition }) => {
            const source = Condition?.ArnEquals?.['aws:SourceArn'];
            return source === undefined && Condition?.StringEquals?.['aws:SourceAccount'] === undefined;
          })
          .map(() => id),
      ),
    spoil: (system) => {
      const policy = resourcesOf(system, 'AWS::SQS::QueuePolicy')[0];
      policy?.properties.PolicyDocument.Statement.push({ Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage' });
    },
  },
  every({
    area: 'queues',
    name: 'the nightly pass goes to maintenance, and to its dead letters when it cannot',
    type: 'AWS::Events::Rule',
    demand: ({ properties }) =>
      list(properties.Targets).every(
        ({ Arn, Input, DeadLetterConfig }) =>
          targetOf(Arn)?.startsWith('QueuesmaintenanceQueue') &&
          targetOf(DeadLetterConfig?.Arn)?.startsWith('QueuesDeadLettersmaintenance') &&
          Input === JSON.stringify({ v: 1, kind: 'sweep', full: true }),
      ),
    break: ({ properties }) => {
      properties.Targets[0].Input = '{}';
    },
  }),
];
