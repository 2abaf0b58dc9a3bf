import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { createVirtualClock, type VirtualClock } from '../../../infra/local/aws/clock.ts';
import type { PolicyStatement } from '../../../infra/local/iam/authorizer.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createS3Server, type S3Server, type S3ServerOptions } from '../../../infra/local/s3/server.ts';

/** A server in a directory of its own, with what came out of it. */
export interface S3Fixture {
  readonly server: S3Server;
  readonly url: string;
  readonly directory: string;
  readonly administrator: S3Client;
  /** Notifications in the order of their delivery. */
  readonly delivered: { readonly queueArn: string; readonly body: string }[];
  /** What the server logged: an unexpected failure shows here. */
  readonly logged: string[];
  clientOf(statements: readonly PolicyStatement[], name?: string): S3Client;
  close(): Promise<void>;
}

const ADMINISTRATOR = {
  name: 'administrator',
  accessKeyId: 'LOCALADMINISTRATOR',
  secretAccessKey: 'secret',
  statements: 'administrator',
} as const;

export async function startS3(options: Partial<S3ServerOptions> = {}): Promise<S3Fixture> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'dbrag-s3-')));
  const authorizer = createAuthorizer([ADMINISTRATOR]);
  const delivered: S3Fixture['delivered'] = [];
  const logged: string[] = [];
  const server = createS3Server({
    directory,
    authorizer,
    notify: (queueArn, body) => void delivered.push({ queueArn, body }),
    log: (message, fields) => void logged.push(`${message} ${JSON.stringify(fields)}`),
    ...options,
  });
  const { url } = await server.listen();
  const clients: S3Client[] = [];
  const client = (credentials: { accessKeyId: string; secretAccessKey: string }) => {
    const made = new S3Client({ region: 'us-east-1', endpoint: url, credentials, maxAttempts: 1 });
    clients.push(made);
    return made;
  };
  return {
    server,
    url,
    directory,
    administrator: client(ADMINISTRATOR),
    delivered,
    logged,
    clientOf: (statements, name = 'role') => client(authorizer.issueAccessKey(name, statements)),
    async close() {
      for (const each of clients) each.destroy();
      await server.close();
      if (options.directory === undefined) await rm(directory, { recursive: true });
    },
  };
}

/** A clock that starts now, so that the SDK's own clock agrees with it. */
export function clockFromNow(): VirtualClock {
  return createVirtualClock(Date.now());
}

/** The name and status of the error that `work` ends with. */
export async function refusal(work: Promise<unknown>): Promise<{ name: string; status: number | undefined }> {
  try {
    await work;
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return { name, status: $metadata?.httpStatusCode };
  }
  throw new Error('It was not refused');
}
