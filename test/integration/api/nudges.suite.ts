import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, hasEnded, type Json } from '../../support/api-client.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

/** A message is only a nudge: what becomes of work whose message was lost, or whose worker never gets through. */
export function nudgeSuite(world: World): void {
  /** No message is waiting or being worked on, but for sweeps that are armed for later. */
  const quiet = () =>
    eventually(
      async () => world().cloud.aws.sqs.stats(),
      (queues) => queues.every(({ visible, inFlight }) => visible + inFlight === 0),
      30_000,
    );

  describe('accepted work', () => {
    let home: Workspace;
    beforeAll(async () => {
      home = await world().workspace('nudges');
    });
    const post = (name: string, content = `A text called ${name}.`) =>
      home.api.expect(202, 'POST', '/v1/documents', { collection_id: home.collectionId, name, content });
    const sweepNow = () => {
      const { sqs } = world().cloud.aws;
      const queue = sqs.stats().find(({ name }) => name.endsWith('-maintenance'));
      if (!queue) throw new Error('There is no maintenance queue');
      sqs.sendInternal(queue.arn, JSON.stringify({ v: 1, kind: 'sweep' }));
    };
    /** Sweeps until the job has ended: a sweep that comes while another is under way leaves everything to that one, which may have read before the test wrote. */
    const endBySweeps = (jobId: string) =>
      eventually(async () => {
        const job = await home.api.expect(200, 'GET', `/v1/jobs/${jobId}`);
        if (!hasEnded(job)) {
          sweepNow();
          await sleep(250);
        }
        return job;
      }, hasEnded);
    const age = (documentId: string, change: string) =>
      world().admin.query(`UPDATE dbrag.document_versions SET ${change} WHERE document_id = $1`, [uuidOf(documentId)]);
    /** Every message that is sent is refused by the queue. A process that has armed no sweep yet takes nothing then: it is let arm one, and asked again. */
    const unsent = async <T>(work: () => Promise<T>, asked = 1): Promise<T> => {
      const { sqs } = world().cloud.aws;
      sqs.setFaults({ batchEntryFailureProbability: 1 });
      try {
        return await work();
      } catch (error) {
        if (asked === 5 || !String(error).includes('"code":"overloaded"')) throw error;
      } finally {
        sqs.setFaults({ batchEntryFailureProbability: 0 });
      }
      await Promise.all(Array.from({ length: 4 }, (_, i) => post(`arms-${asked}-${i}.txt`)));
      return unsent(work, asked + 1);
    };

    it('whose nudge was lost is found by a sweep', async () => {
      const { document, job } = await unsent(() => post('lost.txt'));
      const waiting = await home.api.expect(200, 'GET', `/v1/jobs/${job.id}`);
      expect(waiting.status).toBe('queued');
      await age(document.id, `created_at = now() - interval '6 minutes'`);
      expect(await endBySweeps(job.id)).toMatchObject({ status: 'succeeded' });
    });

    it('ends when its deadline has passed', async () => {
      const { document, job } = await unsent(() => post('late.txt'));
      await age(document.id, `deadline_at = now() - interval '1 second'`);
      expect(await endBySweeps(job.id)).toMatchObject({
        status: 'failed',
        error: { code: 'deadline_exceeded' },
        why: 'It was not finished by its deadline.',
      });
      const now = await home.api.expect(200, 'GET', `/v1/documents/${document.id}`);
      expect(now).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    });

    it('ends when an announced file never comes', async () => {
      const { document_id, job } = await home.api.expect(201, 'POST', '/v1/uploads', {
        collection_id: home.collectionId,
        name: 'never.txt',
        content_type: 'text/plain',
        size_bytes: 1,
      });
      await age(document_id, `deadline_at = now() - interval '1 second'`);
      expect(await endBySweeps(job.id)).toMatchObject({ status: 'failed', error: { code: 'upload_expired' } });
    });

    it('whose deletion lost its nudge goes all the same', async () => {
      const { document, job } = await post('unlucky.txt');
      await endOfJob(home.api, job.id);
      const deletion = await unsent(() => home.api.expect(202, 'DELETE', `/v1/documents/${document.id}`));
      await world().admin.query(`UPDATE dbrag.jobs SET created_at = now() - interval '6 minutes' WHERE id = $1`, [
        uuidOf(deletion.job.id),
      ]);
      expect(await endBySweeps(deletion.job.id)).toMatchObject({ status: 'succeeded' });
    });

    it('that no event told of is found at night, once', async () => {
      const { aws, assembly, uploadBucket } = world().cloud;
      const [nightly] = assembly.schedules.flatMap(({ targets }) => targets);
      if (!nightly?.input) throw new Error('Nothing is scheduled');
      const bucket = assembly.buckets.find(({ name }) => name === uploadBucket);
      const key = `uploads/${home.id}/${home.collectionId}/silent.txt`;
      aws.s3.configureNotifications(uploadBucket, []);
      await world().s3.send(
        new PutObjectCommand({
          Bucket: uploadBucket,
          Key: key,
          Body: 'Nobody told of this.',
          ContentType: 'text/plain',
        }),
      );
      await aws.s3.notificationsDrained();
      aws.s3.configureNotifications(uploadBucket, bucket?.notifications ?? []);
      const found = () =>
        home.api
          .expect(200, 'GET', '/v1/documents?limit=100')
          .then(({ data }) => data.filter((one: Json) => one.source_uri === `s3://${key}`));
      expect(await found()).toEqual([]);
      const old = { workspace: home.uuid, key: 'expired-at-night' };
      await world().admin.query(
        `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, expires_at) VALUES ($1, 'x', $2, '', now() - interval '1 hour')`,
        [old.workspace, old.key],
      );
      aws.sqs.sendInternal(nightly.arn, nightly.input);
      const [document] = await eventually(found, ([one]) => one?.status === 'ready');
      expect(document.version).toBe(1);
      aws.sqs.sendInternal(nightly.arn, nightly.input);
      await quiet();
      expect((await found()).map((one: Json) => one.version)).toEqual([1]);
      const left = await world().count('SELECT count(*) FROM dbrag.idempotency_keys WHERE key = $1', [old.key]);
      expect(left).toBe(0);
      const failed = world().cloud.lines.filter(
        (line) => /FunctionsMaintain/.test(line) && /"level":"ERROR"/.test(line),
      );
      expect(failed).toEqual([]);
    });

    it('that was never any leaves the dead letters again', async () => {
      const { sqs } = world().cloud.aws;
      const left = () => sqs.stats().filter(({ name }) => /dead/i.test(name));
      const rubbish = ['null', 'rubbish', '{"workspace_id":"nobody"}', '{"workspace_id":5,"kind":"delete"}'];
      for (const { arn } of left()) for (const body of rubbish) sqs.sendInternal(arn, body);
      await eventually(
        async () => left().filter(({ visible, inFlight }) => visible + inFlight > 0),
        (queues) => queues.length === 0,
      );
    });

    it('whose worker always breaks is given up with a reason, and its message with it', async () => {
      const { sqs } = world().cloud.aws;
      const { admin } = world();
      const queue = sqs.stats().find(({ name }) => name.endsWith('-ingest-low'));
      if (!queue) throw new Error('There is no queue for low priority');
      const settings = sqs.queue(queue.arn)?.settings;
      if (!settings) throw new Error('The queue has gone');
      sqs.createQueue({ ...settings, visibilityTimeout: 1 });
      // Not the bucket, and not the database as a whole: their outages are waited for.
      await admin.query(`
        CREATE FUNCTION public.curse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cursed text'; END $$;
        CREATE TRIGGER cursed BEFORE INSERT ON dbrag.chunks FOR EACH ROW
          WHEN (NEW.text = 'Nobody can read this.') EXECUTE FUNCTION public.curse()`);
      try {
        const { document, job } = await home.api.expect(202, 'POST', '/v1/documents', {
          collection_id: home.collectionId,
          name: 'cursed.txt',
          content: 'Nobody can read this.',
          priority: 'low',
        });
        expect(await endOfJob(home.api, job.id, 40_000)).toMatchObject({
          status: 'failed',
          error: { code: 'retries_exhausted' },
        });
        const now = await home.api.expect(200, 'GET', `/v1/documents/${document.id}`);
        expect(now).toMatchObject({ status: 'failed', error: { code: 'retries_exhausted' } });
        expect(sqs.stats().find(({ arn }) => arn === queue.arn)).toMatchObject({ movedToDeadLetters: 1 });
        await eventually(
          async () => sqs.stats().filter(({ name, visible, inFlight }) => /dead/i.test(name) && visible + inFlight > 0),
          (left) => left.length === 0,
        );
      } finally {
        await admin.query('DROP TRIGGER cursed ON dbrag.chunks; DROP FUNCTION public.curse()');
        sqs.createQueue(settings);
      }
    });
  });

  describe('when everything is done', () => {
    it('no function has ended in an error but where a test broke what it stands on', () => {
      const broken = world()
        .cloud.lines.filter((line) => /Invoke Error|Unhandled|"level":"ERROR"/.test(line))
        // Says of an error that another line tells of that it is news, and no more.
        .filter((line) => !line.includes('"message":"an error that was not seen before"'));
      const expected =
        /retries_exhausted|message given up|cursed text|is being deleted; try again|content\/ws_|SlowDown|reduce your request rate/i;
      expect(broken.filter((line) => !expected.test(line))).toEqual([]);
    });

    it('the invariants of the data hold', async () => {
      await quiet();
      const { rows } = await world().admin.query(checker);
      expect(rows).toEqual([]);
    });
  });
}

/** Rows that must not be, once nothing is under way. Awaited uploads are not: nobody sends these. */
const checker = `
select 'I1' as invariant, document_id from dbrag.document_versions where status not in ('ready','failed','cancelled','awaiting_upload')
union all select 'I1r', document_id from dbrag.document_versions where status = 'failed' and coalesce(error->>'code','') = ''
union all select 'I1j', id from dbrag.jobs where type <> 'ingest_document' and status not in ('succeeded','failed','cancelled')
union all select 'I2n', v.document_id from dbrag.document_versions v
   join dbrag.documents d on d.id = v.document_id and d.live_version = v.version
   left join lateral (select count(*) n, count(distinct ordinal) u, min(ordinal) lo, max(ordinal) hi
     from dbrag.placements p where p.document_id = v.document_id and p.version = v.version) x on true
   where v.chunks <> x.n or x.u <> x.n or (x.n > 0 and (x.lo <> 0 or x.hi <> x.n - 1))
union all select 'I2e', p.document_id from dbrag.placements p
   join dbrag.documents d on d.id = p.document_id and d.live_version = p.version
   where not exists (select from dbrag.embeddings e where e.document_id = p.document_id and e.content_hash = p.content_hash)
union all select 'I8', c.document_id from dbrag.chunks c left join dbrag.documents d on d.id = c.document_id where d.id is null
union all select 'I8e', e.document_id from dbrag.embeddings e
   where not exists (select from dbrag.chunks c where c.document_id = e.document_id and c.content_hash = e.content_hash)
union all select 'I8p', b.document_id from dbrag.pending_embeddings b
   where not exists (select from dbrag.chunks c where c.document_id = b.document_id and c.content_hash = b.content_hash)
union all select 'I8d', id from dbrag.documents where status = 'deleting'
union all select 'I9', p.document_id from dbrag.placements p
   join dbrag.documents d on d.id = p.document_id where p.workspace_id <> d.workspace_id`;
