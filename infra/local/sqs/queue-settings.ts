import { AwsError } from '../aws/aws-error.ts';

/** Moves a message to another queue instead of handing it out more than `maxReceiveCount` times. */
export interface RedrivePolicy {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

/** Which queues may name this one as their dead-letter queue. */
export interface RedriveAllowPolicy {
  readonly redrivePermission: 'allowAll' | 'denyAll' | 'byQueue';
  readonly sourceQueueArns?: readonly string[];
}

/** Settings of a queue. Durations are seconds, sizes bytes. */
export interface QueueSettings {
  readonly name: string;
  readonly arn: string;
  readonly visibilityTimeout: number;
  readonly retention: number;
  readonly delaySeconds: number;
  readonly receiveWaitSeconds: number;
  readonly maximumMessageSize: number;
  readonly redrivePolicy?: RedrivePolicy;
  readonly redriveAllowPolicy?: RedriveAllowPolicy;
  readonly kmsKeyArn?: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** 1 MiB, of one message and of a batch together. */
export const LARGEST_MESSAGE = 1024 * 1024;

/** What AWS takes when a template says nothing. */
export const defaultSettings = {
  visibilityTimeout: 30,
  retention: 4 * 24 * 3600,
  delaySeconds: 0,
  receiveWaitSeconds: 0,
  maximumMessageSize: LARGEST_MESSAGE,
};

type NumberSetting = keyof typeof defaultSettings;

const numbers: Readonly<Record<string, readonly [NumberSetting, number, number]>> = {
  VisibilityTimeout: ['visibilityTimeout', 0, 12 * 3600],
  MessageRetentionPeriod: ['retention', 60, 14 * 24 * 3600],
  DelaySeconds: ['delaySeconds', 0, 900],
  ReceiveMessageWaitTimeSeconds: ['receiveWaitSeconds', 0, 20],
  MaximumMessageSize: ['maximumMessageSize', 1024, LARGEST_MESSAGE],
};

/** Attributes that are taken and mean nothing on one machine. */
const ignored = new Set(['Policy', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled']);

/** Reads the attributes of CreateQueue or SetQueueAttributes. An empty string takes a policy or a key away. */
export function parseAttributes(attributes: Readonly<Record<string, string>>): Partial<QueueSettings> {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const rule = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
    if (rule !== undefined) settings[rule[0]] = parseNumber(name, value, rule[1], rule[2]);
    else if (name === 'RedrivePolicy') settings.redrivePolicy = value === '' ? undefined : parseRedrive(value);
    else if (name === 'RedriveAllowPolicy')
      settings.redriveAllowPolicy = value === '' ? undefined : parseObject(name, value);
    else if (name === 'KmsMasterKeyId') settings.kmsKeyArn = value === '' ? undefined : value;
    else if (name === 'FifoQueue') throw new AwsError('UnsupportedOperation', 'The local SQS has no FIFO queues');
    else if (!ignored.has(name)) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
  }
  return settings;
}

function parseNumber(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new AwsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`);
  }
  return number;
}

function parseRedrive(value: string): RedrivePolicy {
  const { deadLetterTargetArn, maxReceiveCount } = parseObject('RedrivePolicy', value);
  const count = Number(maxReceiveCount);
  if (typeof deadLetterTargetArn !== 'string' || !Number.isInteger(count) || count < 1 || count > 1000) {
    throw new AwsError('InvalidParameterValue', `Value ${value} for parameter RedrivePolicy is invalid.`);
  }
  return { deadLetterTargetArn, maxReceiveCount: count };
}

function parseObject(name: string, value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Falls through to the same refusal.
  }
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${value} for parameter ${name} is invalid. Reason: not a JSON object.`,
  );
}

/** A queue's attributes as GetQueueAttributes gives them, except the counts. */
export function formatAttributes(settings: QueueSettings): Record<string, string> {
  const { redrivePolicy, redriveAllowPolicy, kmsKeyArn, createdAt } = settings;
  const created = String(Math.floor(createdAt / 1000));
  return {
    QueueArn: settings.arn,
    CreatedTimestamp: created,
    LastModifiedTimestamp: created,
    ...Object.fromEntries(Object.entries(numbers).map(([name, [key]]) => [name, String(settings[key])])),
    ...(redrivePolicy === undefined ? {} : { RedrivePolicy: JSON.stringify(redrivePolicy) }),
    ...(redriveAllowPolicy === undefined ? {} : { RedriveAllowPolicy: JSON.stringify(redriveAllowPolicy) }),
    ...(kmsKeyArn === undefined ? { SqsManagedSseEnabled: 'true' } : { KmsMasterKeyId: kmsKeyArn }),
  };
}
