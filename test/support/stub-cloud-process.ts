/**
 * A local cloud around the stub handlers in a process of its own, for tests that kill it.
 * node stub-cloud-process.ts <assembly directory> <data directory>: prints its URL, or why it did not start.
 */
import { startLocalCloud } from '../../infra/local/cloud.ts';

const [assemblyDirectory = '', dataDirectory = ''] = process.argv.slice(2);
try {
  const cloud = await startLocalCloud({ assemblyDirectory, dataDirectory, port: 0 });
  const childProcesses = cloud.lambda.runners.flatMap(({ processIds }) => processIds);
  process.stdout.write(`${JSON.stringify({ url: cloud.url, childProcesses })}\n`);
  process.once('SIGTERM', () => void cloud.close().then(() => process.exit(0)));
} catch (error) {
  process.stdout.write(`${JSON.stringify({ failure: (error as Error).message })}\n`);
  process.exit(1);
}
