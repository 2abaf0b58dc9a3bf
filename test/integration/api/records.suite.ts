import { beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

const price = 0.02 / 1_000_000;

/** What is kept of what was done: replayed answers, the audit trail, tokens and money. */
export function recordSuite(world: World): void {
  const audits = async (workspace: Workspace): Promise<Json[]> =>
    (
      await world().admin.query(
        `SELECT actor, action, resource_type, resource_id, access_type, outcome, origin IS NOT NULL AS has_origin, request_id, detail
         FROM dbrag.audit_events WHERE workspace_id = $1 AND access_type = 'write' ORDER BY at, id`,
        [workspace.uuid],
      )
    ).rows;
  const usage = async (workspace: Workspace): Promise<Json[]> =>
    (
      await world().admin.query(
        `SELECT operation, model, api_key_id, collection_id, document_id, requests, embedding_tokens::int, cost_usd::float8
         FROM dbrag.usage_events WHERE workspace_id = $1 ORDER BY at, id`,
        [workspace.uuid],
      )
    ).rows;

  describe('an Idempotency-Key', () => {
    let home: Workspace;
    let api: ApiClient;
    beforeAll(async () => {
      home = await world().workspace('idempotency');
      api = home.api;
    });
    const count = (table: string, workspace = home) =>
      world().count(`SELECT count(*) FROM dbrag.${table} WHERE workspace_id = $1`, [workspace.uuid]);
    const replayed = (answer: Answer) => answer.headers.get('idempotency-replayed');

    it('gives the first answer again and does nothing', async () => {
      const key = { 'idempotency-key': 'collection-1' };
      const first = await api.post('/v1/collections', { name: 'once' }, key);
      const before = await count('collections');
      const again = await api.post('/v1/collections', { name: 'once' }, key);
      expect([first.status, replayed(first), again.status, replayed(again)]).toEqual([201, null, 201, 'true']);
      expect(again.body).toEqual(first.body);
      expect(again.headers.get('location')).toBe(first.headers.get('location'));
      expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
      expect(await count('collections')).toBe(before);
    });

    it('of another payload or another path is refused', async () => {
      const key = { 'idempotency-key': 'collection-2' };
      await api.post('/v1/collections', { name: 'first' }, key);
      const other = await api.post('/v1/collections', { name: 'second' }, key);
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_mismatch']);
      const elsewhere = await api.post(
        '/v1/documents',
        { collection_id: home.collectionId, name: 'x', content: 'x' },
        key,
      );
      expect([elsewhere.status, elsewhere.body.code]).toEqual([422, 'idempotency_mismatch']);
    });

    it('belongs to whoever sent it', async () => {
      const key = { 'idempotency-key': 'mine' };
      const second = await world().key(home, { role: 'editor' });
      const one = await api.post('/v1/collections', { name: 'a' }, key);
      const other = await second.post('/v1/collections', { name: 'b' }, key);
      expect([one.status, other.status, replayed(other)]).toEqual([201, 201, null]);
    });

    it('that is none is refused', async () => {
      for (const key of ['x'.repeat(256), 'x'.repeat(9_000), 'two words', '']) {
        const answer = await api.post('/v1/collections', { name: 'x' }, { 'idempotency-key': key });
        expect([key.length, answer.status]).toEqual([key.length, 422]);
      }
      // Longer than all headers may be: the gateway's to refuse.
      expect((await api.post('/v1/collections', { name: 'x' }, { 'idempotency-key': 'x'.repeat(10_240) })).status).toBe(
        400,
      );
    });

    it('keeps nothing of a request that was refused', async () => {
      const key = { 'idempotency-key': 'refused-first' };
      const refused = await api.post(
        '/v1/documents',
        { collection_id: `col_${'0'.repeat(32)}`, name: 'x', content: 'x' },
        key,
      );
      expect(refused.status).toBe(404);
      const right = await api.post('/v1/documents', { collection_id: home.collectionId, name: 'x', content: 'x' }, key);
      expect([right.status, replayed(right)]).toEqual([202, null]);
    });

    it('leaves secrets out of what it replays', async () => {
      const body = { name: 'k', role: 'reader' };
      const first = await api.post('/v1/api-keys', body, { 'idempotency-key': 'key' });
      const again = await api.post('/v1/api-keys', body, { 'idempotency-key': 'key' });
      expect(first.body.secret).toMatch(/^dbrag_/);
      const { secret: _, ...rest } = first.body;
      expect([again.body, replayed(again)]).toEqual([rest, 'true']);
      const workspace = { name: 'w' };
      const unique = { 'idempotency-key': `workspace-${home.id}` };
      const made = await world().operator.post('/v1/workspaces', workspace, unique);
      const repeated = await world().operator.post('/v1/workspaces', workspace, unique);
      expect(made.body.api_key.secret).toMatch(/^dbrag_/);
      expect([repeated.status, repeated.body.id, replayed(repeated)]).toEqual([201, made.body.id, 'true']);
      expect(repeated.body.api_key).toEqual({ id: made.body.api_key.id });
      const { rows } = await world().admin.query(
        `SELECT body::text FROM dbrag.idempotency_keys WHERE workspace_id = ANY ($1)`,
        [[home.uuid, uuidOf(made.body.id)]],
      );
      for (const row of rows) expect(row.body).not.toContain(first.body.secret);
      for (const row of rows) expect(row.body).not.toContain(made.body.api_key.secret);
    });

    it('signs an upload again', async () => {
      const body = { collection_id: home.collectionId, name: 'f', content_type: 'text/plain', size_bytes: 4 };
      const first = await api.post('/v1/uploads', body, { 'idempotency-key': 'upload' });
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      const again = await api.post('/v1/uploads', body, { 'idempotency-key': 'upload' });
      expect(again.body.document_id).toBe(first.body.document_id);
      expect(again.body.upload.url).not.toBe(first.body.upload.url);
      expect(Date.parse(again.body.upload.expires_at)).toBeGreaterThan(Date.parse(first.body.upload.expires_at));
      const { url, headers } = again.body.upload;
      expect((await fetch(url, { method: 'PUT', headers, body: 'four' })).status).toBe(200);
      expect(await endOfJob(api, first.body.job.id)).toMatchObject({ status: 'succeeded' });
      expect(await count('documents')).toBeGreaterThan(0);
    });

    it('makes one of thirty equal requests at once', async () => {
      const own = await world().workspace('thirty');
      const before = await audits(own);
      const post = () =>
        own.api.post(
          '/v1/documents',
          { collection_id: own.collectionId, name: 'one.txt', content: 'Only one of thirty.' },
          { 'idempotency-key': 'thirty' },
        );
      const retried = async (): Promise<Answer> => {
        for (;;) {
          const answer = await post();
          if (answer.status !== 409 && answer.status !== 429) return answer;
          // In flight, or more at once than wait in line on a busy machine: either way it says when to come again.
          expect(answer.headers.get('retry-after')).toBe('1');
          if (answer.status === 409) expect(answer.body.code).toBe('idempotency_in_flight');
        }
      };
      const answers = await Promise.all(Array.from({ length: 30 }, retried));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      for (const answer of answers) expect(answer.body).toEqual(answers[0]?.body);
      expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
      expect([await count('documents', own), await count('jobs', own)]).toEqual([1, 1]);
      expect((await audits(own)).length - before.length).toBe(1);
      const keys = await Promise.all(
        Array.from({ length: 12 }, () => own.api.post('/v1/collections', { name: 'c' }, { 'idempotency-key': 'c' })),
      );
      const made = keys.filter(({ status }) => status === 201);
      for (const answer of made) expect(answer.body).toEqual(made[0]?.body);
      expect(await count('collections', own)).toBe(2);
    });

    it('is for posts: what it makes of others is nothing', async () => {
      const path = `/v1/collections/${home.collectionId}`;
      const headers = { 'idempotency-key': 'patch' };
      const one = await api.request('PATCH', path, { body: { name: 'p' }, headers });
      const two = await api.request('PATCH', path, { body: { name: 'q' }, headers });
      expect([one.status, two.status, two.body.name, replayed(two)]).toEqual([200, 200, 'q', null]);
    });
  });

  describe('the audit trail', () => {
    it('has one row of every change that was accepted, and none of a refused one', async () => {
      const home = await world().workspace('audit');
      const { api } = home;
      const start = await audits(home);
      expect(start.map((row) => [row.actor, row.action])).toEqual([
        ['operator', 'workspace.create'],
        [home.keyId, 'collection.create'],
      ]);
      const steps: [action: string, request: () => Promise<Answer>, id: (body: Json) => string][] = [
        ['workspace.update', () => api.patch('/v1/workspace', { name: 'audited' }), () => home.id],
        ['api_key.create', () => api.post('/v1/api-keys', { name: 'k', role: 'reader' }), (body) => body.id],
        ['collection.create', () => api.post('/v1/collections', { name: 'c' }), (body) => body.id],
        [
          'collection.update',
          () => api.patch(`/v1/collections/${home.collectionId}`, { name: 'd' }),
          () => home.collectionId,
        ],
        [
          'document.create',
          () => api.post('/v1/documents', { collection_id: home.collectionId, name: 'x', content: 'x' }),
          (body) => body.document.id,
        ],
        [
          'document.create',
          () =>
            api.post('/v1/uploads', {
              collection_id: home.collectionId,
              name: 'x',
              content_type: 'text/plain',
              size_bytes: 1,
            }),
          (body) => body.document_id,
        ],
      ];
      for (const [action, request, id] of steps) {
        const before = (await audits(home)).length;
        const answer = await api.request('GET', '/health').then(request);
        expect(answer.status).toBeLessThan(300);
        const rows = (await audits(home)).slice(before);
        expect(rows).toMatchObject([
          {
            actor: home.keyId,
            action,
            resource_id: id(answer.body),
            access_type: 'write',
            outcome: 'success',
            has_origin: true,
            request_id: answer.headers.get('x-request-id'),
          },
        ]);
      }
      const last = (await audits(home)).length;
      const reader = await world().key(home, { role: 'reader' });
      const document = (await api.expect(200, 'GET', '/v1/documents')).data[0];
      const refused = [
        await reader.post('/v1/collections', { name: 'x' }),
        await api.post('/v1/collections', { name: 5 }),
        await api.delete(`/v1/documents/doc_${'0'.repeat(32)}`),
        await api.patch(`/v1/collections/col_${'0'.repeat(32)}`, { name: 'x' }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([403, 422, 404, 404]);
      expect((await audits(home)).length).toBe(last + 1);
      await api.delete(`/v1/documents/${document.id}`);
      await api.delete(`/v1/documents/${document.id}`);
      const removed = (await audits(home)).filter((row) => row.action === 'document.delete');
      expect(removed).toMatchObject([{ resource_id: document.id }]);
      await api.expect(202, 'DELETE', `/v1/collections/${home.collectionId}`);
      expect((await audits(home)).at(-1)).toMatchObject({
        action: 'collection.delete',
        resource_id: home.collectionId,
      });
    });

    it('stands or falls with the change itself', async () => {
      const home = await world().workspace('atomic');
      const { admin } = world();
      await admin.query(
        `CREATE FUNCTION public.refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.workspace_id = '${home.uuid}' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse_audit BEFORE INSERT ON dbrag.audit_events FOR EACH ROW EXECUTE FUNCTION public.refuse_audit()`,
      );
      try {
        const answer = await home.api.post('/v1/collections', { name: 'never' });
        expect([answer.status, answer.body.code]).toEqual([500, 'internal']);
      } finally {
        await admin.query('DROP TRIGGER refuse_audit ON dbrag.audit_events; DROP FUNCTION public.refuse_audit()');
      }
      const { data } = await home.api.expect(200, 'GET', '/v1/collections');
      expect(data.map((collection: Json) => collection.name)).toEqual(['documents']);
    });

    it('cannot be changed or emptied by the application', async () => {
      const { rows } = await world().admin.query(
        `SELECT privilege FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
         WHERE has_table_privilege('dbrag_app', 'dbrag.audit_events', privilege)
            OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'dbrag.audit_events'::regclass
                       AND has_table_privilege('dbrag_app', i.inhrelid, privilege))`,
      );
      expect(rows).toEqual([]);
    });
  });

  describe('usage', () => {
    it('is metered once for every vector that was bought, at its price, and never for text that was kept', async () => {
      const home = await world().workspace('usage');
      const body = (content: string) => ({
        collection_id: home.collectionId,
        name: 'metered.txt',
        source_uri: 'urn:metered',
        content,
      });
      const before = world().cloud.models.ledger.snapshot();
      const first = await ingest(home.api, body('Metering needs a text of its own, which this is.'));
      const bought = world().cloud.models.ledger.snapshot().inputs - before.inputs;
      expect(bought).toBe(1);
      const rows = await usage(home);
      expect(rows).toMatchObject([
        {
          operation: 'ingest',
          model: 'text-embedding-3-small',
          collection_id: uuidOf(home.collectionId),
          document_id: uuidOf(first.id),
        },
      ]);
      const [{ tokens }] = (
        await world().admin.query('SELECT sum(token_count)::int AS tokens FROM dbrag.chunks WHERE document_id = $1', [
          uuidOf(first.id),
        ])
      ).rows;
      expect(rows[0].embedding_tokens).toBe(tokens);
      expect(rows[0].cost_usd).toBeCloseTo(tokens * price, 12);
      await ingest(home.api, body('Metering needs a text of its own, which this is.'));
      expect(await usage(home)).toEqual(rows);
      await ingest(home.api, body('Another text is metered again.'));
      const after = await usage(home);
      expect(after.length).toBe(2);
      expect(after[1].embedding_tokens).toBeGreaterThan(0);
    });

    it('of a search is the question, once', async () => {
      const home = await world().workspace('search usage');
      const ask = () =>
        home.api.expect(200, 'POST', '/v1/search', { query: 'What does a question cost?', mode: 'semantic' });
      const { usage: told } = await ask();
      await ask();
      await home.api.expect(200, 'POST', '/v1/search', { query: 'Words are free', mode: 'keyword' });
      expect(told.embedding_tokens).toBeGreaterThan(0);
      expect(await usage(home)).toMatchObject([
        { operation: 'search', api_key_id: uuidOf(home.keyId), requests: 1, embedding_tokens: told.embedding_tokens },
      ]);
      expect(told.cost_usd).toBeCloseTo(told.embedding_tokens * price, 12);
    });

    it('is the same when messages come twice', async () => {
      const home = await world().workspace('doubled');
      const { sqs } = world().cloud.aws;
      sqs.setFaults({ duplicateProbability: 1, duplicateCopies: 2, duplicateDelayMilliseconds: 300 });
      let document: Json;
      try {
        document = await ingest(home.api, {
          collection_id: home.collectionId,
          name: 'doubled.txt',
          content: 'Every message about this text comes three times.',
        });
      } finally {
        sqs.setFaults({ duplicateProbability: 0 });
      }
      await eventually(
        async () => sqs.stats().filter((queue) => queue.visible + queue.inFlight > 0),
        (busy) => busy.length === 0,
      );
      expect(await usage(home)).toHaveLength(1);
      const { rows } = await world().admin.query(
        `SELECT (SELECT count(*)::int FROM dbrag.chunks WHERE document_id = $1) AS chunks,
                (SELECT count(*)::int FROM dbrag.embeddings WHERE document_id = $1) AS embeddings`,
        [uuidOf(document.id)],
      );
      expect(rows).toEqual([{ chunks: 1, embeddings: 1 }]);
    });
  });
}
