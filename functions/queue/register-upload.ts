import { registerUpload } from '../../shared/ingestion/register-upload.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import { readUploadEvents } from './upload-events.ts';

/** S3 says that something happened to an object. Only its name is believed; test events and foreign shapes are acknowledged. */
export const handler = queueFunction(async ({ body }, { services }) => {
  const { config, database, failpoint, objects, queue, sweep, clock, log } = services;
  const onRejected = (key: string, reason: string) => log.uploadRejected({ key, reason });
  const { events, rejected } = readUploadEvents(body, config.bucketName);
  for (const { key, reason } of rejected) onRejected(key, reason);
  for (const event of events)
    await registerUpload({ database, failpoint, objects, queue, sweep, clock, onRejected }, event);
});
