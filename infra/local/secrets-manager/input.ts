import { AwsError } from '../aws/aws-error.ts';
import type { JsonInput } from '../aws/json-protocol.ts';
import type { SecretValue } from './secret-store.ts';

export function requiredText(input: JsonInput, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') throw invalidParameter(`${name} is missing.`);
  return value;
}

export function optionalText(input: JsonInput, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalidParameter(`${name} must be a string.`);
  return value;
}

/** `SecretString` or `SecretBinary`, or neither. */
export function secretValue(input: JsonInput): SecretValue {
  const string = optionalText(input, 'SecretString');
  const binary = optionalText(input, 'SecretBinary');
  return { ...(string !== undefined && { string }), ...(binary !== undefined && { binary }) };
}

export function hasValue({ string, binary }: SecretValue): boolean {
  return string !== undefined || binary !== undefined;
}

/** `[{Key, Value}]` as a map. */
export function tagsOf(input: JsonInput): Record<string, string> {
  const tags = input.Tags ?? [];
  if (!Array.isArray(tags)) throw invalidParameter('Tags must be a list.');
  return Object.fromEntries(tags.map(({ Key, Value }) => [String(Key), String(Value ?? '')]));
}

export function invalidParameter(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

export function invalidRequest(message: string): AwsError {
  return new AwsError('InvalidRequestException', message);
}

export function notFound(): AwsError {
  return new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
}
