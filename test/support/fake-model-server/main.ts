import { parseArgs } from 'node:util';
import { onParentDeath } from '../../../infra/local/models/exit-with-parent.ts';
import { countTokens } from '../../../infra/local/models/wire/token-count.ts';
import type { FaultRule } from './faults.ts';
import { startFakeModelServer } from './server.ts';

// node test/support/fake-model-server/main.ts [--port 0] [--seed 1] [--latency-ms 0] [--per-input-ms 0] [--profile long-tail]
//   [--exact-tokens] [--faults '[{"kind":"429","rate":0.05,"options":{"retry-after":"2"}}]']
// Prints its base URL as the first line; steered by GET /control/ledger, POST /control/reset, PUT /control/faults,
// POST /control/answers and POST /control/purchases. Ends with SIGTERM, SIGINT, or with the process that started it.
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    'latency-ms': { type: 'string', default: '0' },
    'per-input-ms': { type: 'string', default: '0' },
    profile: { type: 'string' },
    'exact-tokens': { type: 'boolean', default: false },
    faults: { type: 'string', default: '[]' },
  },
});

const server = await startFakeModelServer({
  port: Number(values.port),
  seed: Number(values.seed),
  latencyMs: Number(values['latency-ms']),
  perInputMs: Number(values['per-input-ms']),
  faults: JSON.parse(values.faults) as FaultRule[],
  ...(values.profile === 'long-tail' && { profile: values.profile }),
  ...(values['exact-tokens'] && { countTokens }),
  log: (message) => process.stderr.write(`${message}\n`),
});
process.stdout.write(`${server.baseUrl}\n`);

const stop = () => void server.close().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
onParentDeath(stop);
