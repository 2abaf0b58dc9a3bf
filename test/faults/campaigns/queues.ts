import { setTimeout as sleep } from 'node:timers/promises';
import { failuresOf } from '../../../infra/local/sqs/batch-response.ts';
import { campaign } from '../campaign.ts';
import { invoke, queueOf, uploadEvent } from '../queue-access.ts';
import type { Run } from '../run.ts';
import { stateOf } from '../state-digest.ts';

export const queues = [
  campaign({
    id: 'F04',
    fault: 'every message is delivered 2 to 5 times, at once and out of order',
    expected: 'one claim passes the fence, the others find nothing to do',
    criteria: 'nothing twice; spend/ledger at most 1.1',
    async run(run) {
      run.world.cloud.aws.sqs.setFaults({
        ...{ duplicateProbability: 1, duplicateCopies: 4, duplicateDelayMilliseconds: 1_500, shuffleWindow: 20 },
        random: run.random,
      });
      await run.traffic.post(run.documents(24));
      await run.endure();
      await sleep(1_500);
      run.afterwards(async () => {
        const ratio = await run.spendOverLedger();
        run.expect('spend/ledger', ratio.toFixed(2), ratio <= 1.1);
      });
    },
  }),
  campaign({
    id: 'F06',
    fault: 'rubbish among the messages of a batch, every mask',
    expected: 'only the rubbish is reported and ends with the dead letters',
    criteria: 'reported = rubbish for each mask; good ones done on the first receive',
    async run(run) {
      const bodies = await ingestBodies(run, 4);
      await tryMasks(run, bodies);
      run.world.visibility(1);
      const { sqs } = run.world.cloud.aws;
      const queue = queueOf(run, 'ingest-default');
      const before = queue.totals.movedToDeadLetters;
      for (let count = 0; count < 3; count++) sqs.sendInternal(queue.arn, `rubbish ${count}`);
      await run.traffic.post(run.documents(6));
      await run.until(() => queue.totals.movedToDeadLetters - before >= 3, 30);
      const moved = queue.totals.movedToDeadLetters - before;
      run.expect('dead letters', moved, moved === 3);
    },
  }),
  campaign({
    id: 'F07',
    fault: 'a handler that would report its failures under another name',
    expected: 'queue functions answer with batchItemFailures, spelt so',
    criteria: 'the one rubbish message is reported by each; a misspelt report would be a success',
    async run(run) {
      // Register-upload acknowledges rubbish: the bucket is asked anyway.
      for (const handler of ['queue/ingest-document', 'queue/maintain']) {
        const answer = await invoke(run, handler, ['rubbish']);
        const failed = failuresOf(answer, ['message-0']);
        run.expect(handler, [...failed].join(' ') || 'nothing', failed.size === 1);
      }
      const misspelt = failuresOf({ BatchItemFailures: [{ itemIdentifier: 'message-0' }] }, ['message-0']);
      run.expect('misspelt would report', misspelt.size, misspelt.size === 0);
    },
  }),
  campaign({
    id: 'F12',
    fault: 'a burst, at two executions',
    expected: 'messages wait in line; waiting and throttling spend no receive',
    criteria: 'no dead letter',
    async run(run) {
      const before = deadLetters(run);
      await run.traffic.post(run.documents(60));
      run.afterwards(async () => {
        const dead = deadLetters(run) - before;
        run.expect('dead letters', dead, dead === 0);
        const ratio = await run.spendOverLedger();
        run.expect('spend/ledger', ratio.toFixed(2), ratio <= 1.1);
      });
    },
  }),
  campaign({
    id: 'F35',
    fault: 'everything that was ever sent is delivered again, twice',
    expected: 'whoever gets it finds nothing to do',
    criteria: 'the state of all rows is the same, digest by digest; nothing bought',
    async run(run) {
      await run.traffic.post(run.documents(6));
      await run.traffic.put('again.md', '# Again\n\nAnd again.');
      await run.rest();
      const { world, traffic } = run;
      const before = await stateOf(world.admin, traffic.workspaceId);
      const bought = world.models.ledger.snapshot().inputs;
      const sent = await ingestBodies(run, 0);
      for (let round = 0; round < 2; round++) {
        for (const body of sent) {
          world.cloud.aws.sqs.sendInternal(queueOf(run, 'ingest-default').arn, body);
          world.cloud.aws.sqs.sendInternal(queueOf(run, 'embed-default').arn, body);
        }
        world.cloud.aws.sqs.sendInternal(queueOf(run, 'uploads').arn, uploadEvent(run, traffic.keyOf('again.md')));
        await run.rest();
      }
      const after = await stateOf(world.admin, traffic.workspaceId);
      run.expect('state', after === before ? 'the same' : 'another', after === before);
      const more = world.models.ledger.snapshot().inputs - bought;
      run.expect('inputs bought', more, more === 0);
      run.note('messages', sent.length * 4 + 2);
    },
  }),
  campaign({
    id: 'F36',
    fault: 'messages of older and of newer code are on their way at a deploy',
    expected: 'older shapes are worked on; a newer one is left to come again, and is not dropped',
    criteria: 'the newer message ends with the dead letters after five receives, its document is ready',
    async run(run) {
      const [first] = await run.traffic.post(1);
      await run.rest();
      run.world.visibility(1);
      const { sqs } = run.world.cloud.aws;
      const place = { workspace_id: run.traffic.workspaceId, document_id: first?.documentId, version: 1 };
      // Before messages said their priority, and with a member that nobody knows yet.
      sqs.sendInternal(queueOf(run, 'embed-default').arn, JSON.stringify({ v: 1, ...place, colour: 'red' }));
      const newer = queueOf(run, 'ingest-default');
      const before = newer.totals.movedToDeadLetters;
      sqs.sendInternal(newer.arn, JSON.stringify({ v: 99, ...place, attempt: 1 }));
      await run.until(() => newer.totals.movedToDeadLetters > before, 30);
      const dead = newer.totals.movedToDeadLetters - before;
      run.expect('newer messages kept until the dead letters', dead, dead === 1);
    },
  }),
  campaign({
    id: 'F40',
    fault: 'three of ten entries of a SendMessageBatch are refused, deletes are lost',
    expected: 'only those are sent again; what comes twice changes nothing',
    criteria: 'bought once',
    async run(run) {
      run.world.cloud.aws.sqs.setFaults({
        batchEntryFailureProbability: 0.3,
        lostDeleteProbability: 0.2,
        random: run.random,
      });
      await run.traffic.post(run.documents(16));
      await run.endure();
      run.afterwards(async () => {
        const ratio = await run.spendOverLedger();
        run.expect('spend/ledger', ratio.toFixed(2), ratio <= 1.1);
      });
    },
  }),
];

const deadLetters = (run: Run): number =>
  run.world.cloud.aws.sqs.stats().reduce((sum, { movedToDeadLetters }) => sum + movedToDeadLetters, 0);

/** Posts documents, waits until they are ready, and gives what was sent for each document of the workspace. */
async function ingestBodies(run: Run, documents: number): Promise<string[]> {
  await run.traffic.post(documents);
  await run.rest();
  const { rows } = await run.world.admin.query<{ document_id: string; version: number; attempt: number }>(
    'SELECT document_id, version, attempt FROM dbrag.document_versions WHERE workspace_id = $1 ORDER BY document_id, version',
    [run.traffic.workspaceId],
  );
  return rows.map((row) => JSON.stringify({ v: 1, workspace_id: run.traffic.workspaceId, ...row }));
}

/** Batches of ten with every mask of rubbish in a long run, forty of them in a short one. */
async function tryMasks(run: Run, good: readonly string[]): Promise<void> {
  const masks = run.settings.long
    ? Array.from({ length: 1_024 }, (_, mask) => mask)
    : Array.from({ length: 40 }, () => run.between(0, 1_023));
  let wrong = 0;
  for (const mask of masks) {
    const isBad = (at: number): boolean => (mask & (1 << at)) !== 0;
    const bodies = Array.from({ length: 10 }, (_, at) => (isBad(at) ? 'rubbish' : (good[at % good.length] as string)));
    const reported = failuresOf(
      await invoke(run, 'queue/ingest-document', bodies),
      bodies.map((_, at) => `message-${at}`),
    );
    const right = bodies.every((_, at) => reported.has(`message-${at}`) === isBad(at));
    if (!right) wrong += 1;
  }
  run.expect('masks reported wrongly', `${wrong} of ${masks.length}`, wrong === 0);
}
