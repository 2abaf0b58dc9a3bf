import { priorities, type Queues } from './constructs/queues.ts';
import type { ReleasedFunctions } from './constructs/service-functions.ts';
import { leastConcurrency, registerConcurrency } from './environments-admitted.ts';
import type { StageSettings } from './stage-settings.ts';
import { workConcurrency } from './work-concurrency.ts';

const registerBatch = 10;
const ingestBatch = 10;
const embedBatch = 10;
/** Tables of one message batch share a session on their database. */
const describeBatch = 10;
const deadLetterBatch = 10;

/** Connects every queue to the function that works on its messages, with the batch size and the concurrency of the stage. */
export function deliverQueues(functions: ReleasedFunctions, queues: Queues, stage: StageSettings): void {
  const work = workConcurrency(stage);
  queues.uploads.deliverTo(functions.registerUpload, {
    batchSize: registerBatch,
    maximumConcurrency: registerConcurrency,
  });
  for (const priority of priorities) {
    queues.ingest[priority].deliverTo(functions.ingestDocument, {
      batchSize: ingestBatch,
      maximumConcurrency: work.ingest[priority],
    });
    queues.embed[priority].deliverTo(functions.embedChunks, {
      batchSize: embedBatch,
      maximumConcurrency: work.embed[priority],
    });
  }
  queues.maintenance.deliverTo(functions.maintain, { batchSize: 1, maximumConcurrency: leastConcurrency });
  queues.catalog.deliverTo(functions.describeTable, {
    batchSize: describeBatch,
    maximumConcurrency: stage.connections.catalogConcurrency,
  });
  for (const queue of queues.all) {
    queue.deliverDeadLettersTo(functions.deadLetter, {
      batchSize: deadLetterBatch,
      maximumConcurrency: leastConcurrency,
    });
  }
}
