import type { Clock } from '../aws/clock.ts';

/** What real queues do now and then. Everything is off until a test turns it on. Probabilities are 0 to 1. */
export interface Faults {
  /** A message that was sent is delivered this many times more (1 to `duplicateCopies`), each copy on its own. */
  readonly duplicateProbability: number;
  readonly duplicateCopies: number;
  /** A copy becomes visible up to this much later. */
  readonly duplicateDelayMilliseconds: number;
  /** A receive takes any of the next so many messages of a group; 1 keeps the order. */
  readonly shuffleWindow: number;
  /** A receive that does not wait finds nothing although something is there. */
  readonly emptyReceiveProbability: number;
  /** A send is stored, yet the caller's connection is cut before the answer. */
  readonly lostSendAnswerProbability: number;
  /** A send is refused as throttled, and nothing is stored. */
  readonly throttledSendProbability: number;
  /** A delete is acknowledged and not done: the message comes back. */
  readonly lostDeleteProbability: number;
  /** An entry of a batch fails (`InternalError`, not the sender's fault) and is not carried out. */
  readonly batchEntryFailureProbability: number;
  /** 0 to below 1. */
  readonly random: () => number;
}

/** As AWS behaves on a good day. */
export const noFaults: Faults = {
  duplicateProbability: 0,
  duplicateCopies: 1,
  duplicateDelayMilliseconds: 1000,
  shuffleWindow: 1,
  emptyReceiveProbability: 0,
  lostSendAnswerProbability: 0,
  throttledSendProbability: 0,
  lostDeleteProbability: 0,
  batchEntryFailureProbability: 0,
  random: Math.random,
};

/** Whether a fault of this probability strikes now. */
export function strikes(faults: Faults, probability: number): boolean {
  return probability > 0 && faults.random() < probability;
}

/** When the extra copies of a message become visible: empty when it is not doubled. */
export function duplicateTimes(faults: Faults, clock: Clock): number[] {
  if (!strikes(faults, faults.duplicateProbability)) return [];
  const copies = 1 + Math.floor(faults.random() * faults.duplicateCopies);
  const later = (): number => clock.now() + Math.floor(faults.random() * faults.duplicateDelayMilliseconds);
  return Array.from({ length: copies }, later);
}
