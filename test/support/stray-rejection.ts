/**
 * Wires each kind of function as Lambda's runtime finds it, whose own listener ends the process, and lets something fail after each that
 * nobody waits for. Says the kind if the process is still there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { httpFunction } from '../../functions/runtime/http-function.ts';
import { invokeFunction } from '../../functions/runtime/invoke-function.ts';
import { batchFunction, partialBatchFunction, queueFunction } from '../../functions/runtime/queue-function.ts';
import { streamFunction } from '../../functions/runtime/stream-function.ts';
import { installAwslambda } from '../../infra/local/lambda/awslambda-global.ts';

installAwslambda();
const answer = async () => new Response();
const nothing = async () => {};
const kinds: Readonly<Record<string, () => unknown>> = {
  http: () => httpFunction(answer),
  stream: () => streamFunction(answer),
  queue: () => queueFunction(nothing),
  batch: () => batchFunction(nothing),
  'partial batch': () => partialBatchFunction(nothing),
  invoke: () => invokeFunction(nothing),
};
for (const [kind, wire] of Object.entries(kinds)) {
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', () => process.exit(128));
  wire();
  void Promise.reject(new Error(`strayed from ${kind}`));
  await sleep(5);
  process.stdout.write(`${kind} went on\n`);
}
process.exit(0);
