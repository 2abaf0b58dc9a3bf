import { createHash } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { MessageAttribute, MessageAttributes } from './message-store.ts';

/** MD5 in hexadecimal digits, as SQS answers it for bodies. */
export function digestOf(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/**
 * MD5 over message attributes: by name in order, each name, type and value with its length before it (4 bytes, big endian)
 * and one byte for the transport type. Source: "Calculating the MD5 message digest for message attributes", SQS Developer Guide.
 */
export function digestOfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash('md5');
  const part = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const attribute = attributes[name] as MessageAttribute;
    const binary = attribute.BinaryValue !== undefined;
    part(Buffer.from(name));
    part(Buffer.from(attribute.DataType));
    hash.update(Buffer.of(binary ? 2 : 1));
    part(bytesOf(attribute));
  }
  return hash.digest('hex');
}

function bytesOf({ BinaryValue, StringValue = '' }: MessageAttribute): Buffer {
  return BinaryValue === undefined ? Buffer.from(StringValue) : Buffer.from(BinaryValue, 'base64');
}

/** Bytes that count towards the limit: the body and each attribute's name, type and value. */
export function sizeOf(body: string, attributes: MessageAttributes): number {
  const sizes = Object.entries(attributes).map(
    ([name, attribute]) => Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType) + bytesOf(attribute).length,
  );
  return sizes.reduce((sum, size) => sum + size, Buffer.byteLength(body));
}

/** Reads `MessageAttributes` of a request, or throws AWS's refusal. */
export function parseMessageAttributes(value: unknown): MessageAttributes {
  if (value === undefined || value === null) return {};
  const attributes = value as Record<string, Partial<MessageAttribute>>;
  const entries = Object.entries(attributes);
  if (entries.length > 10)
    throw invalid(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  for (const [name, { DataType = '', StringValue, BinaryValue }] of entries) {
    if (!/^(?!AWS\.|Amazon\.)(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}$/i.test(name)) {
      throw invalid(`The message attribute name '${name}' is invalid.`);
    }
    const kind = DataType.split('.')[0];
    const filled = kind === 'Binary' ? BinaryValue : kind === 'String' || kind === 'Number' ? StringValue : undefined;
    if (!filled) throw invalid(`The message attribute '${name}' must contain a non-empty value of its type.`);
  }
  return attributes as MessageAttributes;
}

/** The attributes that a ReceiveMessage asked for: names, `All`, `.*` or `prefix.*`. */
export function selectAttributes(attributes: MessageAttributes, wanted: readonly string[]): MessageAttributes {
  const chosen = (name: string): boolean =>
    wanted.some((pattern) =>
      pattern === 'All' || pattern === '.*'
        ? true
        : pattern.endsWith('.*')
          ? name.startsWith(pattern.slice(0, -1))
          : name === pattern,
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => chosen(name)));
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message);
}
