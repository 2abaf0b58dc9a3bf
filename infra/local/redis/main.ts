import { parseArgs } from 'node:util';
import { onParentDeath } from '../models/exit-with-parent.ts';
import { startRedis } from './server.ts';

// node infra/local/redis/main.ts [--port 6379] [--password …] [--maxmemory <bytes>]
// Prints its URL as the first line; ends with SIGTERM, SIGINT, or with the process that started it.
const { values } = parseArgs({
  options: { port: { type: 'string' }, password: { type: 'string' }, maxmemory: { type: 'string' } },
});

const redis = await startRedis({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.password === undefined ? {} : { password: values.password }),
  ...(values.maxmemory === undefined ? {} : { maxmemory: Number(values.maxmemory) }),
  log: (message) => process.stderr.write(`${message}\n`),
});
process.stdout.write(`${redis.url}\n`);

const stop = () => void redis.close().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
onParentDeath(stop);
