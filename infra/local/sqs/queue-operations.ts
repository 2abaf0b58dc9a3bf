import { AwsError } from '../aws/aws-error.ts';
import type { JsonCall, JsonInput, JsonOperation } from '../aws/json-protocol.ts';
import type { OperationSurroundings } from './message-operations.ts';
import type { MoveTasks } from './move-tasks.ts';
import { requireAction } from './permissions.ts';
import type { LocalQueue } from './queue.ts';
import { formatAttributes, parseAttributes, type QueueSettings } from './queue-settings.ts';
import { names, text, wholeNumber } from './request-fields.ts';

/** What the operations on queues need besides. */
export interface QueueAdministration extends OperationSurroundings {
  readonly queues: () => LocalQueue[];
  readonly queueOfArn: (arn: string) => LocalQueue | undefined;
  readonly arnOf: (name: string) => string;
  readonly urlOf: (queue: LocalQueue) => string;
  readonly create: (settings: Partial<QueueSettings> & { readonly name: string }) => LocalQueue;
  readonly change: (queue: LocalQueue, settings: Partial<QueueSettings>) => void;
  readonly remove: (queue: LocalQueue) => void;
  readonly moveTasks: MoveTasks;
}

/** Creating, changing, listing and deleting queues, and moving messages out of dead-letter queues. */
export function queueOperations(around: QueueAdministration): Record<string, JsonOperation> {
  const require = (call: JsonCall, action: string, arn: string): void =>
    requireAction(around.authorizer, call.identity.principal, action, arn);
  const permitted = (input: JsonInput, call: JsonCall, action: string): LocalQueue => {
    const queue = around.queueOfUrl(text(input, 'QueueUrl'));
    require(call, action, queue.arn);
    return queue;
  };
  return {
    CreateQueue(input, call) {
      const name = text(input, 'QueueName');
      require(call, 'sqs:CreateQueue', around.arnOf(name));
      return { QueueUrl: around.urlOf(createOnce(around, name, attributesOf(input))) };
    },
    DeleteQueue(input, call) {
      around.remove(permitted(input, call, 'sqs:DeleteQueue'));
      return {};
    },
    GetQueueUrl(input, call) {
      const name = text(input, 'QueueName');
      require(call, 'sqs:GetQueueUrl', around.arnOf(name));
      return { QueueUrl: around.urlOf(around.queueOfUrl(name)) };
    },
    ListQueues(input, call) {
      require(call, 'sqs:ListQueues', around.arnOf('*'));
      return listPage(around, input);
    },
    GetQueueAttributes(input, call) {
      const queue = permitted(input, call, 'sqs:GetQueueAttributes');
      const wanted = names(input, 'AttributeNames');
      const all = Object.entries({ ...formatAttributes(queue.settings), ...formatCounts(queue) });
      return {
        Attributes: Object.fromEntries(all.filter(([name]) => wanted.includes('All') || wanted.includes(name))),
      };
    },
    SetQueueAttributes(input, call) {
      const queue = permitted(input, call, 'sqs:SetQueueAttributes');
      around.change(queue, parseAttributes(attributesOf(input)));
      return {};
    },
    ListDeadLetterSourceQueues(input, call) {
      const queue = permitted(input, call, 'sqs:ListDeadLetterSourceQueues');
      const sources = around
        .queues()
        .filter(({ settings }) => settings.redrivePolicy?.deadLetterTargetArn === queue.arn);
      return { queueUrls: sources.map(around.urlOf) };
    },
    ...moveOperations(around, require),
  };
}

function moveOperations(
  around: QueueAdministration,
  require: (call: JsonCall, action: string, arn: string) => void,
): Record<string, JsonOperation> {
  const sourceOf = (arn: string): LocalQueue => {
    const source = around.queueOfArn(arn);
    if (source === undefined)
      throw new AwsError('ResourceNotFoundException', 'The resource that you specified does not exist.', 404);
    return source;
  };
  return {
    StartMessageMoveTask(input, call) {
      const source = sourceOf(text(input, 'SourceArn'));
      const destination = input.DestinationArn === undefined ? undefined : sourceOf(text(input, 'DestinationArn'));
      for (const action of ['StartMessageMoveTask', 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']) {
        require(call, `sqs:${action}`, source.arn);
      }
      if (destination !== undefined) require(call, 'sqs:SendMessage', destination.arn);
      if (!around.queues().some(({ settings }) => settings.redrivePolicy?.deadLetterTargetArn === source.arn)) {
        throw new AwsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
      }
      const perSecond = wholeNumber(input, 'MaxNumberOfMessagesPerSecond', 1, 500);
      return { TaskHandle: around.moveTasks.start(source, destination?.arn, perSecond) };
    },
    ListMessageMoveTasks(input, call) {
      const source = sourceOf(text(input, 'SourceArn'));
      require(call, 'sqs:ListMessageMoveTasks', source.arn);
      return { Results: around.moveTasks.list(source, wholeNumber(input, 'MaxResults', 1, 10) ?? 1) };
    },
    CancelMessageMoveTask(input, call) {
      const handle = text(input, 'TaskHandle');
      const arn = /"sourceArn":"([^"]+)"/.exec(Buffer.from(handle, 'base64').toString())?.[1] ?? '';
      require(call, 'sqs:CancelMessageMoveTask', arn);
      return { ApproximateNumberOfMessagesMoved: around.moveTasks.cancel(handle) };
    },
  };
}

/** Creating a queue again gives the same one, unless an attribute differs. */
function createOnce(around: QueueAdministration, name: string, attributes: Record<string, string>): LocalQueue {
  if (name.endsWith('.fifo')) throw new AwsError('UnsupportedOperation', 'The local SQS has no FIFO queues');
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
    throw new AwsError(
      'InvalidParameterValue',
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    );
  }
  const settings = parseAttributes(attributes);
  const known = around.queueOfArn(around.arnOf(name));
  if (known === undefined) return around.create({ ...settings, name });
  const before: Readonly<Record<string, unknown>> = { ...known.settings };
  if (Object.entries(settings).some(([key, value]) => JSON.stringify(before[key]) !== JSON.stringify(value))) {
    throw new AwsError(
      'QueueNameExists',
      'A queue already exists with the same name and a different value for an attribute',
    );
  }
  return known;
}

function listPage(around: QueueAdministration, input: JsonInput): object {
  const prefix = typeof input.QueueNamePrefix === 'string' ? input.QueueNamePrefix : '';
  const maximum = wholeNumber(input, 'MaxResults', 1, 1000) ?? 1000;
  const after = typeof input.NextToken === 'string' ? Buffer.from(input.NextToken, 'base64').toString() : '';
  const left = around
    .queues()
    .filter(({ settings: { name } }) => name.startsWith(prefix) && name > after)
    .sort((a, b) => (a.settings.name < b.settings.name ? -1 : 1));
  const page = left.slice(0, maximum);
  const last = page.at(-1);
  const more = last !== undefined && left.length > page.length && input.MaxResults !== undefined;
  return {
    ...(page.length === 0 ? {} : { QueueUrls: page.map(around.urlOf) }),
    ...(more ? { NextToken: Buffer.from(last.settings.name).toString('base64') } : {}),
  };
}

function formatCounts(queue: LocalQueue): Record<string, string> {
  const { visible, inFlight, delayed } = queue.counts();
  return {
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}

function attributesOf(input: JsonInput): Record<string, string> {
  return (input.Attributes ?? {}) as Record<string, string>;
}
