import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { record } from '../database.ts';

export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  for (const { body, attributes } of event.Records) {
    if (body === 'crash on first receive' && attributes.ApproximateReceiveCount === '1') process.exit(1);
    await record('ingest', body);
  }
  return { batchItemFailures: [] };
}
