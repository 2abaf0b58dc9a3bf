import { isIP } from 'node:net';
import type { S3Event, S3EventRecord } from 'aws-lambda';
import type { RequestOrigin } from '../../shared/core/caller.ts';
import type { UploadEvent } from '../../shared/ingestion/register-upload.ts';

export interface UploadEvents {
  readonly events: readonly UploadEvent[];
  /** Events that cannot be about an object of ours: counted and acknowledged, since a retry would not change that. */
  readonly rejected: readonly { readonly key: string; readonly reason: string }[];
}

/** Reads an S3 event notification. A test event, an empty one and what is no event at all hold nothing. */
export function readUploadEvents(body: string, bucketName: string): UploadEvents {
  const events: UploadEvent[] = [];
  const rejected: { key: string; reason: string }[] = [];
  for (const record of recordsOf(body)) {
    const { bucket, object } = record.s3;
    const key = decodeKey(object.key);
    if (bucket.name !== bucketName) rejected.push({ key: key ?? object.key, reason: 'of another bucket' });
    else if (key === undefined) rejected.push({ key: object.key, reason: 'not encoded as S3 does' });
    else
      events.push({
        bucket: bucket.name,
        key,
        versionId: object.versionId,
        bytes: object.size,
        origin: originOf(record),
      });
  }
  return { events, rejected };
}

/** How often a file whose registration was given up is tried again; after that the nightly pass finds it, like files without an event. */
const mostRounds = 5;

/**
 * The message that repeats an event which was received too often: there is no row yet to record the failure, but the object exists.
 * @returns undefined if it is about no object of ours, or was repeated often enough
 */
export function anotherRound(body: string, bucketName: string): string | undefined {
  if (readUploadEvents(body, bucketName).events.length === 0) return undefined;
  const message = parseJson(body) as { readonly rounds?: unknown };
  const rounds = typeof message.rounds === 'number' ? message.rounds : 0;
  return rounds < mostRounds ? JSON.stringify({ ...message, rounds: rounds + 1 }) : undefined;
}

function recordsOf(body: string): S3EventRecord[] {
  const records = (parseJson(body) as Partial<S3Event> | null)?.Records;
  if (!Array.isArray(records)) return [];
  return records.filter(
    (record) => typeof record?.s3?.object?.key === 'string' && typeof record.s3.bucket?.name === 'string',
  );
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** Undefined for what S3 never sends. */
function decodeKey(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function originOf({ requestParameters, responseElements }: S3EventRecord): RequestOrigin {
  const address = requestParameters?.sourceIPAddress ?? '';
  // Services of AWS give their own name in place of an address.
  return {
    requestId: responseElements?.['x-amz-request-id'] ?? '',
    ip: isIP(address) ? address : null,
    userAgent: null,
  };
}
