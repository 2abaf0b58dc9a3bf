import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { withDatabase } from '../database.ts';

const s3 = new S3Client({});
const sqs = new SQSClient({});
const Bucket = process.env.BUCKET_NAME;

type Route = (body: string) => Promise<unknown>;

const routes: Readonly<Record<string, Route>> = {
  'GET /health': async () => ({ processId: process.pid }),
  'GET /environment': async () => process.env,
  'GET /events': async () =>
    withDatabase(process.env.DATABASE_SECRET_ARN, async (client) => {
      const { rows } = await client.query('SELECT kind, body FROM stub.events ORDER BY at');
      return rows;
    }),
  'POST /uploads': async (body) => s3.send(new PutObjectCommand({ Bucket, Key: 'uploads/a/b/file.txt', Body: body })),
  'GET /uploads': async () => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'uploads/a/b/file.txt' }));
    return Body?.transformToString();
  },
  'DELETE /uploads': async () => s3.send(new DeleteObjectCommand({ Bucket, Key: 'uploads/a/b/file.txt' })),
  'POST /work': async (MessageBody) =>
    sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL_INGEST_DEFAULT, MessageBody })),
};

/** Answers with what the route gave, or with the name of the error that stopped it. */
export async function handler(event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> {
  const route = routes[`${event.httpMethod} ${event.path}`];
  if (!route) return { statusCode: 404, body: '{}' };
  try {
    return { statusCode: 200, body: JSON.stringify((await route(event.body ?? '')) ?? null) };
  } catch (error) {
    return {
      statusCode: 500,
      body: JSON.stringify({ error: (error as Error).name, message: (error as Error).message }),
    };
  }
}
