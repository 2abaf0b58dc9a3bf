import { AwsError } from '../aws/aws-error.ts';
import type { JsonInput } from '../aws/json-protocol.ts';
import type { OutgoingMessage, ReceivedMessage } from './message.ts';
import {
  digestOf,
  digestOfAttributes,
  parseMessageAttributes,
  selectAttributes,
  sizeOf,
} from './message-attributes.ts';
import type { MessageAttributes } from './message-store.ts';
import { names, text, wholeNumber } from './request-fields.ts';

/** Everything that XML 1.0 does not allow. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** Reads a SendMessage (or an entry of its batch) and checks it against the queue's limit in bytes. */
export function readMessage(input: JsonInput, sender: string, maximumSize: number): OutgoingMessage {
  const body = text(input, 'MessageBody');
  const attributes = parseMessageAttributes(input.MessageAttributes);
  if (sizeOf(body, attributes) > maximumSize) {
    const reason = `Message must be shorter than ${maximumSize} bytes.`;
    throw new AwsError('InvalidParameterValue', `One or more parameters are invalid. Reason: ${reason}`);
  }
  if (FORBIDDEN.test(body)) {
    throw new AwsError('InvalidMessageContents', 'The message contains characters outside the allowed set.');
  }
  const delaySeconds = wholeNumber(input, 'DelaySeconds', 0, 900);
  const groupId = readGroup(input);
  const traceHeader = parseMessageAttributes(systemAttributes(input)).AWSTraceHeader?.StringValue;
  return {
    body,
    attributes,
    sender,
    ...(delaySeconds === undefined ? {} : { delaySeconds }),
    ...(groupId === undefined ? {} : { groupId }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}

function readGroup(input: JsonInput): string | undefined {
  const { MessageGroupId: group, MessageDeduplicationId: deduplication } = input;
  if (deduplication !== undefined && deduplication !== null) {
    throw new AwsError('InvalidParameterValue', 'MessageDeduplicationId is only for FIFO queues.');
  }
  if (group === undefined || group === null) return undefined;
  if (typeof group !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(group)) {
    throw new AwsError(
      'InvalidParameterValue',
      'MessageGroupId can only include printable ASCII characters, 1 to 128 of them.',
    );
  }
  return group;
}

function systemAttributes(input: JsonInput): unknown {
  const attributes = input.MessageSystemAttributes ?? {};
  const strange = Object.keys(attributes).find((name) => name !== 'AWSTraceHeader');
  if (strange !== undefined)
    throw new AwsError('InvalidParameterValue', `Message system attribute '${strange}' is unknown.`);
  return attributes;
}

/** The answer to a send. */
export function formatSent(message: OutgoingMessage, messageId: string): object {
  const attributesDigest = digestOfAttributes(message.attributes ?? {});
  const system = message.traceHeader === undefined ? {} : traceAttribute(message.traceHeader);
  const systemDigest = digestOfAttributes(system);
  return {
    MessageId: messageId,
    MD5OfMessageBody: digestOf(message.body),
    ...(attributesDigest === undefined ? {} : { MD5OfMessageAttributes: attributesDigest }),
    ...(systemDigest === undefined ? {} : { MD5OfMessageSystemAttributes: systemDigest }),
  };
}

function traceAttribute(value: string): MessageAttributes {
  return { AWSTraceHeader: { DataType: 'String', StringValue: value } };
}

/** The system attributes of a message that was received, by their AWS names. */
export function systemAttributesOf(message: ReceivedMessage): Record<string, string> {
  const { group_id, trace_header, source_queue } = message;
  return {
    ApproximateReceiveCount: String(message.receive_count),
    SentTimestamp: String(message.sent_at),
    SenderId: message.sender,
    ApproximateFirstReceiveTimestamp: String(message.first_received_at),
    ...(group_id === null ? {} : { MessageGroupId: group_id }),
    ...(trace_header === null ? {} : { AWSTraceHeader: trace_header }),
    ...(source_queue === null ? {} : { DeadLetterQueueSourceArn: source_queue }),
  };
}

/** A message in the answer to a ReceiveMessage, with the attributes that were asked for. */
export function formatReceived(message: ReceivedMessage, input: JsonInput): object {
  const wanted = [...names(input, 'AttributeNames'), ...names(input, 'MessageSystemAttributeNames')];
  const system = Object.entries(systemAttributesOf(message)).filter(
    ([name]) => wanted.includes('All') || wanted.includes(name),
  );
  const attributes = selectAttributes(JSON.parse(message.attributes), names(input, 'MessageAttributeNames'));
  const digest = digestOfAttributes(attributes);
  return {
    MessageId: message.message_id,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: digestOf(message.body),
    Body: message.body,
    ...(system.length === 0 ? {} : { Attributes: Object.fromEntries(system) }),
    ...(digest === undefined ? {} : { MessageAttributes: attributes, MD5OfMessageAttributes: digest }),
  };
}
