/**
 * `npm run bench:events [-- --documents 5000]`: what telling the bus of a document's end costs: two events each (`document.ready`,
 * `job.succeeded`), ten a request, with signing, permission and the stand-in's own work, all in this process.
 */
import { parseArgs } from 'node:util';
import { createEventBridge } from '../../infra/local/events/event-bridge.ts';
import { createAuthorizer } from '../../infra/local/iam/create-authorizer.ts';
import { createEventBridgeBus } from '../../shared/adapters/eventbridge/event-bridge-bus.ts';
import type { DomainEvent } from '../../shared/core/event-bus.ts';
import { newUuid, publicId } from '../../shared/core/ids.ts';
import { median, report } from './statistics.ts';

const { values } = parseArgs({ options: { documents: { type: 'string', default: '5000' } } });
const documents = Number(values.documents);
const bar = 0.3;
const repeats = 5;
/** Told at a time, as after a commit of embeddings. */
const documentsAtOnce = 32;

const authorizer = createAuthorizer();
const { accessKeyId, secretAccessKey } = authorizer.issueAccessKey('bench', 'administrator');
const events = createEventBridge({ authorizer, log: () => {} });
events.addRule({
  name: 'all',
  arn: 'all',
  eventBusName: 'bench',
  eventPattern: { source: ['dbrag.bench'] },
  targets: [],
});
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_EVENTBRIDGE: await events.listen(),
});
const bus = createEventBridgeBus({
  busName: 'bench',
  source: 'dbrag.bench',
  onFailure: (_, error) => {
    throw error;
  },
});

function endOf(number: number): DomainEvent[] {
  const keys = {
    workspace_id: publicId('workspace', newUuid()),
    document_id: publicId('document', newUuid()),
    job_id: publicId('job', newUuid()),
    version: number,
    attempts: 1,
    error_code: null,
  };
  const counts = { chunk_count: 10, embedded_count: 10, reused_count: 0 };
  const at = new Date();
  return [
    { type: 'document.ready', at, detail: { ...keys, status: 'ready', ...counts } },
    { type: 'job.succeeded', at, detail: { ...keys, type: 'ingest_document', status: 'succeeded' } },
  ];
}

/** Milliseconds of processor time a document. */
async function tellAll(count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let first = 0; first < count; first += documentsAtOnce) {
    const some = Array.from({ length: Math.min(documentsAtOnce, count - first) }, (_, at) => endOf(first + at));
    const accepted = await bus.publish(some.flat());
    if (accepted.includes(false)) throw new Error('The bus refused an event.');
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / count;
}

// The client is loaded and its code is warm, as in a worker that goes on.
await tellAll(documentsAtOnce * 10);
const measured: number[] = [];
for (let repeat = 0; repeat < repeats; repeat += 1) measured.push(await tellAll(documents));
const cost = median(measured);
report(`processor time a document, both sides (${documents}, median of ${repeats})`, `${cost.toFixed(3)} ms`, {
  text: `<= ${bar}`,
  met: cost <= bar,
});
await events.close();
process.exit();
