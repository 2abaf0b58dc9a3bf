import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import type { Workspace, World } from './world.ts';

/** What can be asked of a job beside how it is. */
export function jobSuite(world: World): void {
  describe('a job', () => {
    let home: Workspace;
    beforeAll(async () => {
      home = await world().workspace('jobs');
    });
    const announce = (workspace = home): Promise<Json> =>
      workspace.api.expect(201, 'POST', '/v1/uploads', {
        collection_id: workspace.collectionId,
        name: 'announced.txt',
        content_type: 'text/plain',
        size_bytes: 1,
      });
    /** A document without a word in it. */
    const failed = async (workspace = home): Promise<Json> => {
      const { document, job } = await workspace.api.expect(202, 'POST', '/v1/documents', {
        collection_id: workspace.collectionId,
        name: 'blank.txt',
        content: ' \n ',
      });
      expect(await endOfJob(workspace.api, job.id)).toMatchObject({
        status: 'failed',
        error: { code: 'no_text_found' },
      });
      return { document, job };
    };
    const audited = (action: string, resourceId: string) =>
      world().count('SELECT count(*) FROM dbrag.audit_events WHERE action = $1 AND resource_id = $2', [
        action,
        resourceId,
      ]);

    it('is cancelled once, however often it is asked, and says so', async () => {
      const { document_id, job } = await announce();
      // Not those that wait: of them others come due meanwhile.
      const removals = () =>
        world()
          .cloud.aws.sqs.stats()
          .find(({ name }) => name.endsWith('-maintenance'))?.sent ?? 0;
      const before = removals();
      for (let i = 0; i < 2; i++) {
        const { job: cancelled } = await home.api.expect(200, 'POST', `/v1/jobs/${job.id}/cancel`);
        expect(cancelled).toMatchObject({ id: job.id, status: 'cancelled', error: null, why: 'It was cancelled.' });
        expect(cancelled.finished_at).not.toBeNull();
      }
      expect(await home.api.expect(200, 'GET', `/v1/documents/${document_id}`)).toMatchObject({ status: 'cancelled' });
      expect(await audited('job.cancel', job.id)).toBe(1);
      // What it leaves is removed after its grace period.
      expect(removals()).toBeGreaterThan(before);
    });

    it('that has ended or deletes is not cancelled', async () => {
      const document = await ingest(home.api, {
        collection_id: home.collectionId,
        name: 'done.txt',
        content: 'This is done before anybody can cancel it.',
      });
      const { data } = await home.api.expect(200, 'GET', `/v1/jobs?document_id=${document.id}`);
      expect((await home.api.post(`/v1/jobs/${data[0].id}/cancel`)).body).toMatchObject({
        status: 409,
        code: 'conflict',
      });
      const { job } = await home.api.expect(202, 'DELETE', `/v1/documents/${document.id}`);
      expect((await home.api.post(`/v1/jobs/${job.id}/cancel`)).status).toBe(409);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'succeeded' });
      expect(await audited('job.cancel', data[0].id)).toBe(0);
    });

    it('that failed is begun again, once under one key', async () => {
      const { job } = await failed();
      const key = { 'idempotency-key': randomUUID() };
      const first = await home.api.post(`/v1/jobs/${job.id}/retry`, undefined, key);
      expect(first.status).toBe(202);
      expect(first.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
      expect(first.body.job).toMatchObject({ id: job.id, status: 'queued', error: null, finished_at: null });
      const again = await home.api.post(`/v1/jobs/${job.id}/retry`, undefined, key);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.body).toEqual(first.body);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'failed', attempts: 2 });
      expect(await audited('job.retry', job.id)).toBe(1);
    });

    it('whose file never came fails for that when it is begun again', async () => {
      const { job } = await announce();
      await home.api.expect(200, 'POST', `/v1/jobs/${job.id}/cancel`);
      await home.api.expect(202, 'POST', `/v1/jobs/${job.id}/retry`);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'failed', error: { code: 'object_missing' } });
    });

    it('is begun again with all that failed alike, and with no other', async () => {
      const workspace = await world().workspace('retries');
      const blank = await Promise.all([failed(workspace), failed(workspace)]);
      const retryAll = (body: object) => workspace.api.expect(202, 'POST', '/v1/jobs/retry', body);
      expect(await retryAll({ status: 'failed', code: 'corrupt_file' })).toMatchObject({ retried: 0, has_more: false });
      const other = await workspace.api.expect(201, 'POST', '/v1/collections', { name: 'other' });
      expect(await retryAll({ status: 'failed', collection_id: other.id })).toMatchObject({ retried: 0 });
      expect(await retryAll({ status: 'failed', code: 'no_text_found' })).toEqual({
        object: 'retried_jobs',
        retried: 2,
        has_more: false,
      });
      for (const { job } of blank) {
        expect(await endOfJob(workspace.api, job.id)).toMatchObject({ status: 'failed', attempts: 2 });
        expect(await audited('job.retry', job.id)).toBe(1);
      }
      expect((await workspace.api.post('/v1/jobs/retry', { status: 'running' })).status).toBe(422);
      const foreign = { status: 'failed', collection_id: home.collectionId };
      expect((await workspace.api.post('/v1/jobs/retry', foreign)).body.code).toBe('not_found');
    });

    it('is changed by an editor of its workspace and by nobody else', async () => {
      const { job } = await announce();
      const reader = await world().key(home, { role: 'reader' });
      const elsewhere = await world().workspace('elsewhere');
      for (const verb of ['cancel', 'retry']) {
        expect((await reader.post(`/v1/jobs/${job.id}/${verb}`)).status).toBe(403);
        expect((await elsewhere.api.post(`/v1/jobs/${job.id}/${verb}`)).status).toBe(404);
        expect((await home.api.post(`/v1/jobs/job_${'0'.repeat(32)}/${verb}`)).status).toBe(404);
      }
      expect((await reader.post('/v1/jobs/retry', { status: 'failed' })).status).toBe(403);
      expect(await home.api.expect(200, 'GET', `/v1/jobs/${job.id}`)).toMatchObject({ status: 'queued' });
      expect((await new ApiClient(home.api.url, null).post(`/v1/jobs/${job.id}/cancel`)).status).toBe(401);
    });

    it('is told on the bus when it ends, with its document and without a word of it', async () => {
      const document = await ingest(home.api, {
        collection_id: home.collectionId,
        name: 'told.txt',
        content: 'Whoever listens hears that this is ready, and not what it says.',
      });
      const blank = await failed();
      const told = (id: string) =>
        world()
          .cloud.aws.events.events()
          .filter(({ detail }) => detail.document_id === id)
          .map((event) => ({ type: event['detail-type'], source: event.source, detail: event.detail }));
      const both = await eventually(
        async () => [...told(document.id), ...told(blank.document.id)],
        (events) => events.length === 4,
      );
      expect(both.map(({ type }) => type).sort()).toEqual([
        'document.failed',
        'document.ready',
        'job.failed',
        'job.succeeded',
      ]);
      expect(both.find(({ type }) => type === 'document.ready')).toMatchObject({
        source: 'dbrag.test',
        detail: {
          workspace_id: home.id,
          collection_id: home.collectionId,
          version: 1,
          status: 'ready',
          chunk_count: 1,
        },
      });
      expect(JSON.stringify(both)).not.toMatch(/told\.txt|Whoever/);
    });

    it('that is cancelled is bought nothing more, and what was bought is not bought again', async () => {
      const { job } = await home.api.expect(202, 'POST', '/v1/documents', {
        collection_id: home.collectionId,
        name: 'long.md',
        content: Array.from({ length: 40 }, (_, i) => `## Part ${i}\n\n${`The part ${i} is long. `.repeat(60)}`).join(
          '\n\n',
        ),
      });
      const { status } = await home.api.post(`/v1/jobs/${job.id}/cancel`);
      const end = await endOfJob(home.api, job.id);
      expect(end.status).toBe(status === 200 ? 'cancelled' : 'succeeded');
      if (status !== 200) return;
      await home.api.expect(202, 'POST', `/v1/jobs/${job.id}/retry`);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'succeeded' });
    });
  });
}
