import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { whileCacheAnswers } from '../../support/answering-cache.ts';
import { ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import { uuidOf, type World } from './world.ts';

/** Rate limits, quotas and usage, as callers and the operator meet them. */
export function limitsSuite(world: World): void {
  /** Limits are set before anybody asked for the workspace: what a function knows of one it keeps for 30 s. */
  const limited = async (limits: object) => {
    const { operator, cloud } = world();
    const made = await operator.expect(201, 'POST', '/v1/workspaces', { name: 'limited' });
    const told = await operator.expect(200, 'PATCH', `/v1/workspaces/${made.id}`, limits);
    return { id: made.id as string, uuid: uuidOf(made.id), api: new ApiClient(cloud.url, made.api_key.secret), told };
  };
  const post = (collection: string, content = 'A text.') => ({ collection_id: collection, name: 'a', content });

  describe('quotas', () => {
    it('are set by the operator, told to the workspace, and kept exactly', async () => {
      const quotas = { collections: 1, documents: 2, stored_bytes: 1_000, chat_tokens: null };
      const { api, id, told } = await limited({ quotas });
      expect(told).toMatchObject({ id, quotas });
      const { id: collection } = await api.expect(201, 'POST', '/v1/collections', { name: 'one' });
      const refused = await api.expect(429, 'POST', '/v1/collections', { name: 'two' });
      expect(refused).toMatchObject({
        code: 'quota_exceeded',
        detail: 'Quota collections: 1 of 1 collections are used; delete some, or ask your operator for more.',
      });
      const large = await api.expect(429, 'POST', '/v1/documents', post(collection, 'x'.repeat(1_001)));
      expect(large.detail).toBe(
        'Quota stored_bytes: 0 of 1,000 bytes of documents are used, and this needs 1,001 more; delete some, or ask your operator for more.',
      );
      const answers = await Promise.all(Array.from({ length: 6 }, () => api.post('/v1/documents', post(collection))));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 429, 429, 429, 429]);
      // Until they are embedded, tokens are counted between two looks.
      for (const { status, body } of answers) if (status === 202) await endOfJob(api, body.job.id);
      const batch = await api.expect(202, 'POST', '/v1/documents/batch', { documents: [post(collection)] });
      expect(batch.data).toMatchObject([{ error: { code: 'quota_exceeded' } }]);
      const { data } = await api.expect(200, 'GET', '/v1/quotas');
      expect(data).toContainEqual({ resource: 'collections', used: 1, limit: 1, resets_at: null });
      expect(data).toContainEqual({ resource: 'documents', used: 2, limit: 2, resets_at: null });
      expect(data).toContainEqual({ resource: 'stored_bytes', used: 14, limit: 1_000, resets_at: null });
      expect(data).toContainEqual(
        expect.objectContaining({
          resource: 'chat_tokens',
          limit: null,
          resets_at: expect.stringMatching(/T00:00:00/),
        }),
      );
      expect((await world().operator.expect(200, 'GET', `/v1/workspaces/${id}/quotas`)).data).toEqual(data);
    });

    it('keep a file of the bucket out, whose document says why, until there is room', async () => {
      const { api, id } = await limited({ quotas: { documents: 1 } });
      const { id: collection } = await api.expect(201, 'POST', '/v1/collections', { name: 'one' });
      const first = await ingest(api, post(collection, 'Quokkas smile.'));
      const Key = `uploads/${id}/${collection}/second.txt`;
      const { s3, cloud } = world();
      await s3.send(new PutObjectCommand({ Bucket: cloud.uploadBucket, Key, Body: 'Numbats do not.' }));
      const documents = async (): Promise<Json[]> =>
        (await api.expect(200, 'GET', `/v1/documents?collection_id=${collection}`)).data;
      const [second] = await eventually(documents, (found) => found.length === 2);
      expect(second).toMatchObject({
        status: 'failed',
        source_uri: `s3://${Key}`,
        error: { code: 'quota_exceeded', message: expect.stringContaining('Quota documents: 1 of 1') },
      });
      const words = async () =>
        (await api.expect(200, 'POST', '/v1/search', { query: 'numbats', mode: 'keyword' })).data.length;
      expect(await words()).toBe(0);
      expect((await api.expect(200, 'GET', '/v1/quotas')).data).toContainEqual(
        expect.objectContaining({ resource: 'documents', used: 1, limit: 1 }),
      );
      // Tried again, it is refused again; once there is room, the file is where it was.
      const { data: jobs } = await api.expect(200, 'GET', `/v1/jobs?document_id=${second.id}`);
      const retry = async () => {
        await api.expect(202, 'POST', `/v1/jobs/${jobs[0].id}/retry`);
        return endOfJob(api, jobs[0].id);
      };
      expect(await retry()).toMatchObject({ status: 'failed', error: { code: 'quota_exceeded' } });
      await api.expect(202, 'DELETE', `/v1/documents/${first.id}`);
      expect(await retry()).toMatchObject({ status: 'succeeded' });
      expect(await words()).toBe(1);
    });

    it('end a day of questions when its tokens are spent', async () => {
      const { api, uuid } = await limited({ quotas: { chat_tokens: 100 } });
      const { id: collection } = await api.expect(201, 'POST', '/v1/collections', { name: 'one' });
      await world().admin.query(
        `INSERT INTO dbrag.usage_events (workspace_id, operation, model, prompt_tokens) VALUES ($1, 'query', 'm', 100)`,
        [uuid],
      );
      const ask = { question: 'How tall is it?', collection_ids: [collection] };
      const refused = await api.post('/v1/queries', ask);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.body).toMatchObject({
        code: 'quota_exceeded',
        detail: expect.stringMatching(
          /^Quota chat_tokens: 100 of 100 tokens of chat models today are used; it resets at /,
        ),
      });
      await api.expect(200, 'POST', '/v1/search', { query: 'tall' });
      // Whoever sees none of what was spent is held to it all the same.
      const key = { name: 'k', role: 'reader', collection_ids: [collection] };
      const { secret } = await api.expect(201, 'POST', '/v1/api-keys', key);
      const narrowed = new ApiClient(world().cloud.url, secret);
      expect((await narrowed.expect(200, 'GET', '/v1/usage')).data).toEqual([]);
      expect((await narrowed.expect(429, 'POST', '/v1/queries', ask)).code).toBe('quota_exceeded');
    });
  });

  describe('rate limits', () => {
    it('are those of the key, the subject and the workspace, as the operator set them', whileCacheAnswers, async () => {
      const { cloud } = world();
      const { api, told } = await limited({
        rate_limits: { poll: { workspace: { requests: 6, seconds: 3_600 }, subject: { requests: 4, seconds: 3_600 } } },
      });
      expect(told.rate_limits.poll.workspace).toEqual({ requests: 6, seconds: 3_600 });
      const key = await api.expect(201, 'POST', '/v1/api-keys', {
        name: 'k',
        role: 'reader',
        rate_limits: { poll: 3 },
      });
      const limited_ = new ApiClient(cloud.url, key.secret);
      const poll = async (client: ApiClient) => client.get('/v1/jobs');
      const statuses = [];
      for (let n = 0; n < 4; n++) statuses.push((await poll(limited_)).status);
      expect(statuses).toEqual([200, 200, 200, 429]);
      const refused = await poll(limited_);
      expect(refused.body).toMatchObject({
        code: 'rate_limited',
        detail: expect.stringContaining('this API key may make 3 in a minute'),
      });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      const other = await poll(api);
      expect(other.headers.get('ratelimit-policy')).toBe('"subject";q=4;w=3600, "workspace";q=6;w=3600');
      expect(other.headers.get('ratelimit')).toMatch(/^"subject";r=3;t=\d+, "workspace";r=2;t=\d+$/);
      expect((await api.get('/v1/collections')).headers.get('x-ratelimit-limit-requests')).toMatch(/^\d+$/);
    });
  });

  describe('usage', () => {
    it('adds up what was spent, in every group, to the same sum', async () => {
      const workspace = await world().workspace();
      const { api, collectionId, id, keyId } = workspace;
      const { job } = await api.expect(
        202,
        'POST',
        '/v1/documents',
        post(collectionId, 'The tower is 63 metres tall.'),
      );
      await expect
        .poll(async () => (await api.expect(200, 'GET', `/v1/jobs/${job.id}`)).status, { timeout: 30_000 })
        .toBe('succeeded');
      const answer = await api.expect(200, 'POST', '/v1/queries', {
        question: 'How tall is the tower?',
        collection_ids: [collectionId],
        subject: 'ann',
      });
      const groups = ['day', 'model', 'operation', 'api_key', 'subject', 'collection'];
      const reports = await Promise.all(groups.map((group) => api.expect(200, 'GET', `/v1/usage?group_by=${group}`)));
      const total = { ...reports[0]?.total, cost_usd: expect.closeTo(reports[0]?.total.cost_usd, 9) };
      for (const report of reports) expect(report.total).toEqual(total);
      const [byDay, , byOperation, byKey, bySubject, byCollection] = reports;
      const today = new Date().toISOString().slice(0, 10);
      expect(byDay?.data.at(-1).key.slice(0, 7)).toBe(today.slice(0, 7));
      const asked = byOperation?.data.find(({ key }: { key: string }) => key === 'query');
      expect(asked).toMatchObject({
        prompt_tokens: answer.usage.prompt_tokens,
        completion_tokens: answer.usage.completion_tokens,
      });
      const keys = (report: typeof byKey) => report?.data.map(({ key }: { key: string | null }) => key);
      expect(keys(byKey)).toContain(keyId);
      expect(keys(bySubject)).toContainEqual(expect.stringMatching(/^sub_/));
      expect(keys(byCollection)).toContain(collectionId);
      expect(byDay?.total.cost_usd).toBeGreaterThan(0);
      const operator = await world().operator.expect(200, 'GET', `/v1/workspaces/${id}/usage?group_by=model`);
      expect(operator.total).toEqual(total);
      const nothing = await api.expect(200, 'GET', '/v1/usage?from=2026-01-01&to=2026-01-31');
      expect(nothing).toMatchObject({ data: [], total: { requests: 0, cost_usd: 0 }, to: '2026-02-01T00:00:00.000Z' });
      await api.expect(422, 'GET', '/v1/usage?from=2026-02-01&to=2026-01-01');
      const narrowed = await world().key(workspace, {
        role: 'reader',
        collection_ids: [collectionId],
      });
      const seen = await narrowed.expect(200, 'GET', '/v1/usage?group_by=collection');
      expect(keys(seen)).toEqual([collectionId]);
      const elsewhere = await world().key(workspace, { role: 'reader', collection_ids: [] });
      expect((await elsewhere.expect(200, 'GET', '/v1/usage')).data).toEqual([]);
      // Documents of all collections, and nothing of what cannot be said whose it is.
      const ofConnections = await world().key(workspace, { role: 'reader', connection_ids: [] });
      expect(keys(await ofConnections.expect(200, 'GET', '/v1/usage?group_by=collection'))).toEqual([collectionId]);
    });
  });
}
