import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { campaign } from '../campaign.ts';
import { queueOf, uploadEvent } from '../queue-access.ts';
import type { Run } from '../run.ts';

async function removeBytes(run: Run, documentId: string): Promise<void> {
  const { rows } = await run.world.admin.query<{ s3_key: string; s3_version_id: string | null }>(
    'SELECT s3_key, s3_version_id FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2',
    [run.traffic.workspaceId, documentId],
  );
  for (const { s3_key: Key, s3_version_id } of rows) {
    const version = s3_version_id === null ? {} : { VersionId: s3_version_id };
    await run.world.s3.send(new DeleteObjectCommand({ Bucket: run.world.cloud.uploadBucket, Key, ...version }));
  }
}

export const objects = [
  campaign({
    id: 'F05',
    fault: 'overwrites and deletes of files, their events late, doubled and in any order',
    expected: 'the bucket is asked what is there now; nobody believes the order of events',
    criteria: 'each file ends as its last put, or gone with its last delete',
    async run(run) {
      Object.assign(run.world.cloud.aws.s3.faults, {
        ...{ notificationDuplicateRate: 0.4, notificationReorderWindow: 30, notificationDelayMilliseconds: 400 },
        random: run.random,
      });
      run.world.cloud.aws.sqs.setFaults({ shuffleWindow: 10, duplicateProbability: 0.3, random: run.random });
      const files = run.documents(8);
      for (let round = 0; round < 3; round++) {
        for (let file = 0; file < files; file++) {
          const upload = await run.traffic.put(
            `file ${file}.md`,
            `# File ${file}\n\nRound ${round} of seed ${run.settings.seed}.`,
          );
          if (run.random() < 0.2) await run.traffic.removeObject(upload);
        }
        if (round === 1) await sleep(700);
      }
      await run.world.cloud.aws.s3.notificationsDrained();
      await sleep(600);
    },
  }),
  campaign({
    id: 'F30',
    fault: 'the bucket says SlowDown, breaks off in the middle of a body, has lost an object',
    expected: 'tried again; what is gone fails with object_missing',
    criteria: 'only the missing one failed',
    async run(run) {
      const hold = run.arm({
        handler: 'queue/ingest-document',
        name: 'worker.after_claim',
        action: 'hold',
        passes: [1],
      });
      const missing = await run.traffic.postOne({ fate: 'object_missing' });
      await hold.reached;
      await removeBytes(run, missing.documentId as string);
      hold.release();
      Object.assign(run.world.cloud.aws.s3.faults, { slowDownRate: 0.3, truncatedBodyRate: 0.3, random: run.random });
      await run.traffic.post(run.documents(10));
      for (let file = 0; file < 3; file++)
        await run.traffic.put(`slow-${file}.md`, `# Slow ${file}\n\nIt came in the end.`);
      await sleep(2_500);
    },
  }),
  campaign({
    id: 'F31',
    fault: 'events that tell of nothing: tests, other buckets, unknown keys, keys with signs, no records',
    expected: "acknowledged; an encoded key is found; what belongs nowhere is on the operator's list",
    criteria: 'no dead letter; the one with signs is ready',
    async run(run) {
      const { sqs } = run.world.cloud.aws;
      const uploads = queueOf(run, 'uploads');
      const before = uploads.totals.movedToDeadLetters;
      const bodies = [
        JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'x' }),
        JSON.stringify({ Records: [] }),
        JSON.stringify({}),
        uploadEvent(run, 'uploads/nobody/nothing/file.md'),
        uploadEvent(run, 'elsewhere/file.md'),
        uploadEvent(run, run.traffic.keyOf('never put.md')),
        JSON.stringify({ Records: [{ s3: { bucket: { name: 'another' }, object: { key: 'x' } } }, null, {}] }),
      ];
      for (const body of bodies) sqs.sendInternal(uploads.arn, body);
      await run.traffic.put('with spaces + plus & 羊驼 🦙.md', '# Signs\n\nAll of them.');
      await sleep(2_000);
      run.afterwards(async () => {
        const dead = uploads.totals.movedToDeadLetters - before;
        run.expect('dead letters', dead, dead === 0);
      });
    },
  }),
];
