import { batchFunction } from '../runtime/queue-function.ts';

/** Nobody sends here before connections have a catalog; what came all the same would come again. */
export const handler = batchFunction(async () => {
  throw new Error('There is no catalog yet.');
});
