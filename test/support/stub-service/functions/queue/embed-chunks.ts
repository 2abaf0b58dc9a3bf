import type { SQSEvent } from 'aws-lambda';
import { record } from '../database.ts';

export async function handler(event: SQSEvent): Promise<void> {
  for (const { body } of event.Records) await record('embed-chunks', body);
}
