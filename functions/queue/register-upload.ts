import { isIP } from 'node:net';
import type { S3Event, S3EventRecord } from 'aws-lambda';
import type { RequestOrigin } from '../../shared/core/caller.ts';
import { registerUpload } from '../../shared/ingestion/register-upload.ts';
import { queueFunction } from '../runtime/queue-function.ts';

/** S3 says that something happened to an object. Only its name is believed; test events and foreign shapes are acknowledged. */
export const handler = queueFunction(async ({ body }, { services }) => {
  const { database, failpoint, objects, queue, sweep, clock, log } = services;
  const ports = {
    database,
    failpoint,
    objects,
    queue,
    sweep,
    clock,
    onRejected: (key: string, reason: string) => log.uploadRejected({ key, reason }),
  };
  for (const record of recordsOf(body)) {
    const { s3 } = record;
    await registerUpload(ports, {
      bucket: s3.bucket.name,
      key: decodeURIComponent(s3.object.key.replaceAll('+', ' ')),
      versionId: s3.object.versionId,
      bytes: s3.object.size,
      origin: originOf(record),
    });
  }
});

function originOf({ requestParameters, responseElements }: S3EventRecord): RequestOrigin {
  const address = requestParameters?.sourceIPAddress ?? '';
  // Services of AWS give their own name in place of an address.
  return {
    requestId: responseElements?.['x-amz-request-id'] ?? '',
    ip: isIP(address) ? address : null,
    userAgent: null,
  };
}

function recordsOf(body: string): S3Event['Records'] {
  const event: unknown = JSON.parse(body);
  const records = (event as Partial<S3Event>).Records;
  return Array.isArray(records) ? records.filter((record) => record?.s3?.object?.key && record.s3.bucket?.name) : [];
}
