import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { closeServer, listen } from '../../infra/local/cloud/listen.ts';
import { startTestCloud, type TestCloud } from './local-cloud.ts';
import { describeSharedCloud, type SharedCloudDescription } from './shared-cloud.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Asked by HTTP, starts the shared cloud if need be and describes it. */
    sharedCloudUrl: string;
  }
}

/**
 * Vitest's global setup for tests that share one local cloud: it is started when the first of them asks for it, so a run
 * that needs none pays nothing, and ended with the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let started: Promise<TestCloud> | undefined;
  const server = createServer((_, response) => {
    started ??= startTestCloud({ stage: 'local' });
    started.then(
      (cloud) => response.end(JSON.stringify(describeSharedCloud(cloud) satisfies SharedCloudDescription)),
      (error: Error) => response.writeHead(500).end(error.stack ?? error.message),
    );
  });
  // A first synthesis on a busy machine takes longer than the patience of a server by default.
  server.requestTimeout = 0;
  project.provide('sharedCloudUrl', `http://127.0.0.1:${await listen(server, 0)}`);
  return async () => {
    await closeServer(server, 0);
    const cloud = await started?.catch(() => undefined);
    await cloud?.close();
  };
}
