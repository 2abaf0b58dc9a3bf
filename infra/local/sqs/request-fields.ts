import { AwsError } from '../aws/aws-error.ts';
import type { JsonInput } from '../aws/json-protocol.ts';

/** A required string field. */
export function text(input: JsonInput, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') {
    throw new AwsError('MissingRequiredParameterException', `The request must contain the parameter ${name}.`);
  }
  return value;
}

/** An optional whole number within bounds. */
export function wholeNumber(input: JsonInput, name: string, least: number, most: number): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    const reason = `Must be between ${least} and ${most}, if provided.`;
    throw new AwsError('InvalidParameterValue', `Value ${value} for parameter ${name} is invalid. Reason: ${reason}`);
  }
  return value;
}

/** An optional list of strings. */
export function names(input: JsonInput, name: string): string[] {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** An entry of a batch request. */
export type BatchEntry = JsonInput & { readonly Id: string };

/** Reads `Entries`, which must be one to ten with distinct ids. */
export function batchEntries(input: JsonInput): BatchEntry[] {
  const entries = Array.isArray(input.Entries) ? (input.Entries as BatchEntry[]) : [];
  if (entries.length === 0)
    throw new AwsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  if (entries.length > 10) {
    const message = `Maximum number of entries per request are 10. You have sent ${entries.length}.`;
    throw new AwsError('TooManyEntriesInBatchRequest', message);
  }
  if (entries.some(({ Id }) => typeof Id !== 'string' || !/^[A-Za-z0-9_-]{1,80}$/.test(Id))) {
    const message = 'A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80.';
    throw new AwsError('InvalidBatchEntryId', message);
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    throw new AwsError('BatchEntryIdsNotDistinct', 'Two or more batch entries have the same Id.');
  }
  return entries;
}
