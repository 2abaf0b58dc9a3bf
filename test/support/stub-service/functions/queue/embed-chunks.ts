import type { SQSEvent } from 'aws-lambda';
import { record } from '../database.ts';

export async function handler(event: SQSEvent): Promise<void> {
  for (const { body } of event.Records) {
    if (body === 'takes its time') await new Promise((resolve) => setTimeout(resolve, 4_000));
    await record('embed-chunks', body);
  }
}
