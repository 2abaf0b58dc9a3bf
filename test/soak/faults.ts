import { setTimeout as sleep } from 'node:timers/promises';
import { noFaults as noObjectFaults } from '../../infra/local/s3/faults.ts';
import { noFaults as noQueueFaults } from '../../infra/local/sqs/faults.ts';
import type { World } from '../faults/world.ts';

/** A time in which answers may fail, in milliseconds of `performance.now()`. */
export interface Outage {
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

interface Injection {
  readonly name: string;
  begin(world: World, random: () => number): void;
  end(world: World): void;
}

const share = 0.3;
const longest = { faultSeconds: 8, restSeconds: 12 };
/** Connections are made anew, circuits close, and processes start: what fails in this time after a fault is still its doing. */
const recoveryMilliseconds = 8_000;

const injections: readonly Injection[] = [
  {
    name: 'the database stands still',
    begin: ({ postgres }) => postgres.freeze(),
    end: ({ postgres }) => postgres.pass(),
  },
  { name: 'the database refuses', begin: ({ postgres }) => postgres.refuse(), end: ({ postgres }) => postgres.pass() },
  { name: 'the cache stands still', begin: ({ redis }) => redis.freeze(), end: ({ redis }) => redis.pass() },
  { name: 'the cache refuses', begin: ({ redis }) => redis.refuse(), end: ({ redis }) => redis.pass() },
  {
    name: 'commits are not told',
    begin: ({ postgres }) => postgres.cutAfterCommit(3),
    end: ({ postgres }) => postgres.pass(),
  },
  {
    name: 'the provider fails',
    begin: ({ models }) =>
      models.faults.setRules([
        { kind: '503', rate: share },
        { kind: 'reset', rate: share },
      ]),
    end: ({ models }) => models.faults.clear(),
  },
  {
    name: 'queues deliver twice and lose answers',
    begin: ({ cloud }, random) =>
      cloud.aws.sqs.setFaults({
        ...{ duplicateProbability: share, duplicateCopies: 2, shuffleWindow: 5, lostSendAnswerProbability: share },
        ...{ lostDeleteProbability: share, batchEntryFailureProbability: share, random },
      }),
    end: ({ cloud }) => cloud.aws.sqs.setFaults(noQueueFaults),
  },
  {
    name: 'the bucket slows down and breaks off',
    begin: ({ cloud }, random) =>
      void Object.assign(cloud.aws.s3.faults, { slowDownRate: share, truncatedBodyRate: share, random }),
    end: ({ cloud }) => void Object.assign(cloud.aws.s3.faults, noObjectFaults()),
  },
  { name: 'a process dies', begin: killOne, end: () => {} },
];

function killOne({ cloud }: World, random: () => number): void {
  const processes = cloud.lambda.runners.flatMap(({ processIds }) => processIds);
  const chosen = processes[Math.floor(random() * processes.length)];
  if (chosen === undefined) return;
  try {
    process.kill(chosen, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** One fault after another, each for some seconds, with a rest behind it, until `ends`. @returns when each was felt */
export async function injectFaults(world: World, ends: number, random: () => number): Promise<Outage[]> {
  const outages: Outage[] = [];
  for (;;) {
    await sleep(recoveryMilliseconds + random() * longest.restSeconds * 1_000);
    if (performance.now() >= ends) return outages;
    const injection = injections[Math.floor(random() * injections.length)] as Injection;
    const from = performance.now();
    injection.begin(world, random);
    await sleep(random() * longest.faultSeconds * 1_000);
    injection.end(world);
    outages.push({ name: injection.name, from, until: performance.now() + recoveryMilliseconds });
  }
}
