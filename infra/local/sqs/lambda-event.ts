import type { ReceivedMessage } from './message.ts';
import { digestOf, digestOfAttributes } from './message-attributes.ts';
import { systemAttributesOf } from './message-form.ts';
import type { MessageAttributes } from './message-store.ts';

/** One message in the event of a function. */
export interface LambdaRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, LambdaMessageAttribute>>;
  readonly md5OfBody: string;
  readonly md5OfMessageAttributes?: string;
  readonly eventSource: 'aws:sqs';
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

interface LambdaMessageAttribute {
  readonly stringValue?: string;
  readonly binaryValue?: string;
  readonly stringListValues: readonly string[];
  readonly binaryListValues: readonly string[];
  readonly dataType: string;
}

/** The event that Lambda gives to a function for a batch. */
export interface LambdaEvent {
  readonly Records: readonly LambdaRecord[];
}

/** Bytes of JSON that one invocation may carry. */
export const LARGEST_PAYLOAD = 6 * 1024 * 1024;

/** A received message as a function sees it. */
export function toRecord(message: ReceivedMessage): LambdaRecord {
  const attributes: MessageAttributes = JSON.parse(message.attributes);
  const md5 = digestOfAttributes(attributes);
  const messageAttributes = Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
    name,
    {
      ...(StringValue === undefined ? {} : { stringValue: StringValue }),
      ...(BinaryValue === undefined ? {} : { binaryValue: BinaryValue }),
      stringListValues: [],
      binaryListValues: [],
      dataType: DataType,
    },
  ]);
  return {
    messageId: message.message_id,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: systemAttributesOf(message),
    messageAttributes: Object.fromEntries(messageAttributes),
    md5OfBody: digestOf(message.body),
    ...(md5 === undefined ? {} : { md5OfMessageAttributes: md5 }),
    eventSource: 'aws:sqs',
    eventSourceARN: message.queue,
    awsRegion: message.queue.split(':')[3] ?? '',
  };
}

/** Cuts records into events that fit the payload limit; a record that is too large by itself goes alone. */
export function toEvents(records: readonly LambdaRecord[], limit = LARGEST_PAYLOAD): LambdaEvent[] {
  const events: LambdaRecord[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const length = sizeOfRecord(record);
    if (size + length > limit) {
      events.push([]);
      size = '{"Records":[]}'.length;
    }
    events.at(-1)?.push(record);
    size += length;
  }
  return events.map((Records) => ({ Records }));
}

/** Bytes of a record in an event, with the comma after it. */
export function sizeOfRecord(record: LambdaRecord): number {
  return Buffer.byteLength(JSON.stringify(record)) + 1;
}
