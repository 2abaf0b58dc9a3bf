import type { SQSEvent } from 'aws-lambda';
import { record } from '../database.ts';

export async function handler(event: SQSEvent): Promise<void> {
  for (const { body } of event.Records) {
    const { Records } = JSON.parse(body) as { Records?: { s3: { object: { key: string } } }[] };
    for (const { s3 } of Records ?? []) await record('upload', s3.object.key);
  }
}
