import { parseArgs } from 'node:util';
import { onParentDeath } from './exit-with-parent.ts';
import { startModelServer } from './server.ts';

// node infra/local/models/main.ts [--port 0]
// Prints its base URL as the first line; ends with SIGTERM, SIGINT, or with the process that started it.
const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const server = await startModelServer({
  port: Number(values.port),
  log: (message) => process.stderr.write(`${message}\n`),
});
process.stdout.write(`${server.baseUrl}\n`);

const stop = () => void server.close().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
onParentDeath(stop);
