import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind } from '../../support/fake-model-server/faults.ts';
import { campaign } from '../campaign.ts';
import { acceptFailpoints, workerFailpoints } from '../failpoints.ts';
import { queueOf } from '../queue-access.ts';
import type { Run } from '../run.ts';

const share = 0.05;
const beforeWork: readonly FaultKind[] = ['429', '500', '503', 'reset'];
const afterWork: readonly FaultKind[] = ['reset-after-processing', 'truncated-json', 'missing-one', 'nan'];
/** Posts come in waves, and half of them critical, which waits for no others: so that five in a hundred of the requests are some. */
const waves = 40;
/** Fewer would say nothing of five in a hundred. */
const fewestRequests = 40;

/** Five in a hundred of everything that passes. */
function harmAll(run: Run): void {
  const { world, random } = run;
  world.models.faults.setRules([
    ...beforeWork.map((kind) => ({ kind, rate: share, on: 'embeddings' as const })),
    // What the provider is paid for and we do not get: five in a hundred of these together.
    ...afterWork.map((kind) => ({ kind, rate: share / afterWork.length, on: 'embeddings' as const })),
  ]);
  world.cloud.aws.sqs.setFaults({
    ...{ duplicateProbability: share, duplicateCopies: 2, shuffleWindow: 5, lostSendAnswerProbability: share },
    ...{ throttledSendProbability: share, lostDeleteProbability: share, batchEntryFailureProbability: share, random },
  });
  Object.assign(world.cloud.aws.s3.faults, {
    ...{
      slowDownRate: share,
      truncatedBodyRate: share,
      notificationDuplicateRate: share,
      notificationReorderWindow: 5,
      random,
    },
  });
}

/** One process in a while dies, one fails, and some commits are not told. */
function armAll(run: Run, passes: number): void {
  const upTo = (every: number): number[] =>
    Array.from({ length: Math.ceil(passes / every) }, (_, at) => at * every + run.between(1, every));
  for (const failpoint of workerFailpoints) {
    run.arm({ ...failpoint, action: 'kill', passes: upTo(400) });
    run.arm({ ...failpoint, action: 'throw', passes: upTo(200) });
  }
  for (const name of acceptFailpoints) run.arm({ handler: 'http/api', name, action: 'kill', passes: upTo(200) });
  run.world.postgres.cutAfterCommit(Math.ceil(passes / 50));
}

export const mix = [
  campaign({
    id: 'mix',
    fault: 'five in a hundred of everything at once: provider, queues, bucket, database, processes',
    expected: 'nothing lost, nothing twice; only permanent faults of documents fail them',
    criteria: 'spend at most 1.10 of what is stored',
    async run(run) {
      const documents = run.documents(120);
      harmAll(run);
      armAll(run, documents);
      const [permanent] = await Promise.all([
        run.traffic.put('empty.txt', new Uint8Array(), 'text/plain'),
        postInWaves(run, documents),
        putFiles(run, Math.ceil(documents / 12)),
      ]);
      permanent.fate = 'empty_file';
      await run.endure();
      run.afterwards(async () => {
        const ratio = await run.spendOverLedger();
        run.expect('spend/ledger', ratio.toFixed(3), ratio <= 1.1);
        const asked = run.world.models.ledger.snapshot().requests.embeddings;
        run.expect('asked', asked, asked >= fewestRequests);
        run.note('requests repeated', run.traffic.repeated);
        run.note(
          'provider faults',
          Object.values(run.world.models.ledger.snapshot().faults).reduce((sum, each) => sum + each, 0),
        );
      });
    },
  }),
];

async function postInWaves(run: Run, documents: number): Promise<void> {
  for (let wave = 0; wave < waves; wave++) {
    const count = Math.ceil(documents / waves);
    for (const priority of ['critical', 'default'] as const)
      await run.traffic.post(priority === 'critical' ? Math.ceil(count / 2) : Math.floor(count / 2), { priority });
    await sleep(100);
    await run.until(() => isIdle(run), 0.5);
  }
}

function isIdle(run: Run): boolean {
  return ['embed-critical', 'embed-default'].every((name) => {
    const { visible, inFlight } = queueOf(run, name).counts();
    return visible + inFlight === 0;
  });
}

async function putFiles(run: Run, files: number): Promise<void> {
  for (let file = 0; file < files; file++) {
    for (const round of [1, 2])
      await run.traffic.put(`mixed ${file}.md`, `# Mixed ${file}\n\nRound ${round}, seed ${run.settings.seed}.`);
  }
}
