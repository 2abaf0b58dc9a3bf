import { nameOfQueue, sendAgain } from '../runtime/outlast-outage.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import { giveUpMessage } from './give-up-message.ts';
import { anotherRound } from './upload-events.ts';

/** Work that no worker really started is sent again after this long. */
const againSeconds = 300;

/**
 * A message that was received too often: what it meant ends `failed`, so that somebody sees it and can retry. Unless no worker got
 * as far as starting it: then something else was down, and it is sent again, until the deadline of its row.
 */
export const handler = queueFunction(async (record, { services }) => {
  const upload = anotherRound(record.body, services.config.bucketName);
  const outcome = upload === undefined ? await giveUpMessage(record.body, services) : 'untried';
  const queue = nameOfQueue(record, services) ?? record.eventSourceARN;
  if (outcome !== 'untried') {
    services.log.retriesExhausted({ queue, body: record.body });
    return;
  }
  if (!(await sendAgain(services, [{ ...record, body: upload ?? record.body }], againSeconds)))
    throw new Error('It could not be sent again.');
  services.log.outlasted({ queue, messages: 1, reason: 'No worker got as far as beginning with it.' });
});
