import type { SQSRecord } from 'aws-lambda';
import { parseUploadKey } from '../../shared/ingestion/object-keys.ts';
import { registerUpload } from '../../shared/ingestion/register-upload.ts';
import { outlastOutage } from '../runtime/outlast-outage.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import type { Services } from '../runtime/services.ts';
import { readUploadEvents } from './upload-events.ts';

/** S3 says that something happened to an object. Only its name is believed; test events and foreign shapes are acknowledged. */
export const handler = queueFunction((record, { services }) =>
  outlastOutage(services, [record], () => register(record.body, services)),
);

async function register(body: SQSRecord['body'], services: Services): Promise<void> {
  const { config, database, failpoint, objects, queue, sweep, clock, log, trail } = services;
  const onRejected = (key: string, reason: string) => log.uploadRejected({ key, reason });
  const { events, rejected } = readUploadEvents(body, config.bucketName);
  for (const { key, reason } of rejected) onRejected(key, reason);
  for (const event of events) {
    const workspaceId = parseUploadKey(event.key)?.workspaceId;
    const origin = workspaceId === undefined ? event.origin : await trail.seal(workspaceId, null, event.origin);
    const ports = { database, failpoint, objects, queue, sweep, clock, onRejected, quotas: services.quotas.of };
    await registerUpload(ports, { ...event, origin });
    await trail.arm();
  }
}
