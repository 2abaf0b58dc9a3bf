import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { whileCacheAnswers } from '../../support/answering-cache.ts';
import { type Answer, type ApiClient, ingest, type Json } from '../../support/api-client.ts';
import { allowedOrigin, type Workspace, type World } from './world.ts';

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body?.code, answer.text.slice(0, 300)]).toEqual([
    status,
    code,
    answer.text.slice(0, 300),
  ]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: answer.headers.get('x-request-id'),
    error: { message: answer.body.detail, type: expect.any(String), code },
  });
  expect(answer.body.instance).toMatch(/./);
}

/** What holds for every route: how faults are told, what a body may be, how lists are read, which pages may ask. */
export function conventionSuite(world: World): void {
  let home: Workspace;
  let api: ApiClient;
  beforeAll(async () => {
    home = await world().workspace('conventions');
    api = home.api;
  });
  const document = (changes: object) => ({ collection_id: home.collectionId, name: 'x', content: 'x', ...changes });

  describe('a request that is wrong', () => {
    it('is told by problem+json', async () => {
      const cases: [Promise<Answer>, number, string][] = [
        [world().nobody.get('/v1/documents'), 401, 'unauthorized'],
        [api.get('/v1/nothing'), 404, 'not_found'],
        [api.get('/nothing'), 404, 'not_found'],
        [api.get(`/v1/documents/doc_${'0'.repeat(32)}`), 404, 'not_found'],
        [api.get('/v1/documents/nonsense'), 404, 'not_found'],
        [api.get('/v1/documents/..%2f..%2fetc'), 404, 'not_found'],
        [api.request('PUT', '/v1/documents', { body: {} }), 405, 'method_not_allowed'],
        [api.request('POST', '/v1/search', { raw: '{"query"' }), 400, 'malformed_json'],
        [api.request('POST', '/v1/search', { raw: '' }), 400, 'malformed_json'],
        [api.request('POST', '/v1/search'), 400, 'malformed_json'],
        [
          api.request('POST', '/v1/search', { raw: '{}', headers: { 'content-type': 'text/plain' } }),
          415,
          'unsupported_media_type',
        ],
        [
          api.request('POST', '/v1/search', { raw: 'a=b', headers: { 'content-type': 'multipart/form-data' } }),
          415,
          'unsupported_media_type',
        ],
      ];
      for (const [asked, status, code] of cases) expectProblem(await asked, status, code);
    });

    it('has a new request id in every answer, also in a good one', async () => {
      const answers = await Promise.all([api.get('/health'), api.get('/v1/collections'), api.get('/v1/none')]);
      const ids = answers.map((answer) => answer.headers.get('x-request-id'));
      expect(ids.every((id) => id !== null && id.length > 8)).toBe(true);
      expect(new Set(ids).size).toBe(3);
    });

    it('names what a path allows when the method is wrong', async () => {
      const answer = await api.request('PUT', `/v1/documents/doc_${'0'.repeat(32)}`, { body: {} });
      expectProblem(answer, 405, 'method_not_allowed');
      expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(['DELETE', 'GET', 'PATCH']);
    });

    const invalid: [name: string, path: string, body: unknown, pointers: string[]][] = [
      ['an unknown member', '/v1/search', { query: 'x', colour: 1 }, ['/colour']],
      [
        'several at once',
        '/v1/documents',
        { name: 7, content: null, colour: 1 },
        ['/collection_id', '/colour', '/content', '/name'],
      ],
      ['a wrong type', '/v1/search', { query: 5 }, ['/query']],
      ['an array for an object', '/v1/search', [], ['']],
      ['null', '/v1/search', null, ['']],
      ['an empty query', '/v1/search', { query: '   ' }, ['/query']],
      ['NUL', '/v1/search', { query: 'a\u0000b' }, ['/query']],
      ['NUL deep inside', '/v1/collections', { name: 'x', metadata: { a: 'b\u0000' } }, ['/metadata/a']],
      ['NUL in a member name', '/v1/collections', { name: 'x', metadata: { 'a\u0000': 'b' } }, ['/metadata']],
      ['a lone surrogate', '/v1/collections', { name: 'x\ud800' }, ['/name']],
      ['a limit of 0', '/v1/search', { query: 'x', limit: 0 }, ['/limit']],
      ['a limit of 101', '/v1/search', { query: 'x', limit: 101 }, ['/limit']],
      ['a limit of 1.5', '/v1/search', { query: 'x', limit: 1.5 }, ['/limit']],
      ['an unknown mode', '/v1/search', { query: 'x', mode: 'psychic' }, ['/mode']],
      [
        'chunks of 49 tokens',
        '/v1/collections',
        { name: 'x', chunking: { max_tokens: 49, overlap_tokens: 0 } },
        ['/chunking/max_tokens'],
      ],
      [
        'an overlap of more than half',
        '/v1/collections',
        { name: 'x', chunking: { max_tokens: 100, overlap_tokens: 51 } },
        ['/chunking'],
      ],
      ['an empty name', '/v1/collections', { name: '  ' }, ['/name']],
      ['a long name', '/v1/collections', { name: 'x'.repeat(256) }, ['/name']],
      ['nested metadata', '/v1/collections', { name: 'x', metadata: { a: { b: 1 } } }, ['/metadata/a']],
      [
        'a pointer that needs escapes',
        '/v1/collections',
        { name: 'x', metadata: { 'a/b~c': [] } },
        ['/metadata/a~1b~0c'],
      ],
      ['an id of another kind', '/v1/search', { query: 'x', collection_ids: ['doc_1'] }, ['/collection_ids/0']],
      [
        'a key that expired before it was made',
        '/v1/api-keys',
        { name: 'x', role: 'reader', expires_at: '2020-01-01T00:00:00Z' },
        ['/expires_at'],
      ],
      ['a role that is none', '/v1/api-keys', { name: 'x', role: 'emperor' }, ['/role']],
      ['a date that is none', '/v1/api-keys', { name: 'x', role: 'reader', expires_at: 'tomorrow' }, ['/expires_at']],
    ];
    it.each(invalid)('is refused with pointers: %s', async (_, path, body, pointers) => {
      const answer = await api.post(path, body);
      expectProblem(answer, 422, 'validation_failed');
      expect(answer.body.errors.map((error: Json) => error.pointer).sort()).toEqual(pointers);
      expect(answer.body.errors.every((error: Json) => error.detail.length > 3)).toBe(true);
      expect(answer.body.error.param).toBe(answer.body.errors[0].pointer);
    });

    it.each([
      ['/v1/documents?limit=0', '/limit'],
      ['/v1/documents?limit=101', '/limit'],
      ['/v1/documents?limit=ten', '/limit'],
      ['/v1/documents?limit=', '/limit'],
      ['/v1/documents?limit=1&limit=2', '/limit'],
      ['/v1/documents?colour=red', '/colour'],
      ['/v1/documents?status=happy', '/status'],
      ['/v1/documents?after=%00', '/after'],
      ['/v1/jobs?type=magic', '/type'],
    ])('is refused with pointers into its query: %s', async (path, pointer) => {
      const answer = await api.get(path);
      expectProblem(answer, 422, 'validation_failed');
      expect(answer.body.errors.map((error: Json) => error.pointer)).toEqual([pointer]);
    });

    it('may be nested deep, which costs nothing', async () => {
      for (const depth of [65, 1_000, 200_000]) {
        const raw = `{"name":"x","metadata":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
        expectProblem(await api.request('POST', '/v1/collections', { raw }), 422, 'validation_failed');
      }
      const raw = `{"query":"x","filter":${'['.repeat(1_000_000)}`;
      expectProblem(await api.request('POST', '/v1/search', { raw }), 400, 'malformed_json');
    });

    it('may have 4 MiB, and larger ones are pointed to the uploads', async () => {
      const large = (bytes: number) => JSON.stringify(document({ content: 'x'.repeat(bytes) }));
      const limit = 4 * 1024 * 1024;
      const over = await api.request('POST', '/v1/documents', { raw: large(limit) });
      expectProblem(over, 413, 'payload_too_large');
      expect(over.body.detail).toContain('/v1/uploads');
      const far = await api.request('POST', '/v1/documents', { raw: large(11 * 1024 * 1024) });
      expectProblem(far, 413, 'payload_too_large');
      expect(far.body.detail).toContain('/v1/uploads');
      const most = await api.request('POST', '/v1/documents', { raw: large(limit - 200) });
      expect(most.status).toBe(202);
    });

    it('tells nothing of the inside when it hits a fault of ours', async () => {
      const { admin } = world();
      await admin.query('ALTER FUNCTION dbrag.list_workspaces RENAME TO list_workspaces_gone');
      try {
        const answer = await world().operator.get('/v1/workspaces');
        expectProblem(answer, 500, 'internal');
        expect(answer.text).not.toMatch(/list_workspaces|dbrag\.(?!dev)|127\.0\.0\.1|at .*\.mjs/);
      } finally {
        await admin.query('ALTER FUNCTION dbrag.list_workspaces_gone RENAME TO list_workspaces');
      }
    });

    it.each([
      ['version', (id: string) => `/v1/documents/${id}/chunks?version=99999999999`],
      ['after', (id: string) => `/v1/documents/${id}/versions?after=99999999999`],
      ['after', (id: string) => `/v1/documents/${id}/versions?after=-1`],
    ])('is refused where a number is out of range: %s', async (member, path) => {
      const { document: posted } = await api.expect(202, 'POST', '/v1/documents', document({ name: 'ranges' }));
      const answer = await api.get(path(posted.id));
      expectProblem(answer, 422, 'validation_failed');
      expect(answer.body.errors[0].pointer).toBe(`/${member}`);
    });
  });

  describe('a list', () => {
    it('is newest first, and read page by page to its end', async () => {
      const own = await world().workspace('lists');
      const made: string[] = [own.collectionId];
      for (const name of ['a', 'b', 'c', 'd']) {
        const { id } = await own.api.expect(201, 'POST', '/v1/collections', { name });
        made.unshift(id);
      }
      const seen: string[] = [];
      let after = '';
      for (let pages = 0; ; pages++) {
        const page = await own.api.expect(200, 'GET', `/v1/collections?limit=2${after}`);
        expect(page).toMatchObject({
          object: 'list',
          first_id: page.data[0].id,
          last_id: page.data.at(-1).id,
          has_more: pages < 2,
        });
        seen.push(...page.data.map((collection: Json) => collection.id));
        if (!page.has_more) break;
        after = `&after=${page.last_id}`;
      }
      expect(seen).toEqual(made);
      const empty = { object: 'list', data: [], first_id: null, last_id: null, has_more: false };
      expect(await own.api.expect(200, 'GET', `/v1/collections?after=col_${'0'.repeat(32)}`)).toEqual(empty);
      for (const path of ['/v1/collections?after=nonsense', `/v1/jobs?after=col_${'0'.repeat(32)}`]) {
        const refused = await own.api.get(path);
        expectProblem(refused, 422, 'validation_failed');
        expect(refused.body.errors[0].pointer).toBe('/after');
      }
      expect(await own.api.expect(200, 'GET', '/v1/jobs')).toEqual(empty);
      const all = await own.api.expect(200, 'GET', '/v1/collections');
      expect(all.data).toHaveLength(5);
    });

    it('is of 20 unless told, and filtered by what the contract names', async () => {
      const own = await world().workspace('filters');
      const post = (collectionId: string, name: string) =>
        own.api.expect(202, 'POST', '/v1/documents', {
          collection_id: collectionId,
          name,
          content: `Text of ${name}.`,
        });
      const other = await own.api.expect(201, 'POST', '/v1/collections', { name: 'other' });
      for (let i = 0; i < 21; i++) await post(own.collectionId, `d${i}`);
      const { document: last, job } = await post(other.id, 'other');
      const first = await own.api.expect(200, 'GET', '/v1/documents');
      expect([first.data.length, first.has_more, first.data[0].id]).toEqual([20, true, last.id]);
      const ofOther = await own.api.expect(200, 'GET', `/v1/documents?collection_id=${other.id}`);
      expect(ofOther.data.map((one: Json) => one.id)).toEqual([last.id]);
      const jobs = await own.api.expect(200, 'GET', `/v1/jobs?document_id=${last.id}&type=ingest_document`);
      expect(jobs.data.map((one: Json) => one.id)).toEqual([job.id]);
      expect((await own.api.expect(200, 'GET', '/v1/jobs?type=delete')).data).toEqual([]);
      expect((await own.api.expect(200, 'GET', '/v1/documents?status=failed')).data).toEqual([]);
    });
  });

  describe('a page of another origin', () => {
    it('may ask where the stage allows it', async () => {
      const preflight = await world().nobody.request('OPTIONS', '/v1/search', {
        headers: { origin: allowedOrigin, 'access-control-request-method': 'POST' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
      expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
      const answer = await api.get('/v1/collections', { origin: allowedOrigin });
      expect(answer.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
      expect(answer.headers.get('vary')).toBe('Origin');
      expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
      const refused = await world().nobody.get('/v1/collections', { origin: allowedOrigin });
      expect(refused.headers.get('access-control-allow-origin')).toBe(allowedOrigin);
    });

    it('may not ask elsewhere', async () => {
      const origin = 'https://evil.example';
      const preflight = await world().nobody.request('OPTIONS', '/v1/search', { headers: { origin } });
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
      const answer = await api.get('/v1/collections', { origin });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    });
  });

  describe('a search', () => {
    let animals: Record<string, Json>;
    beforeAll(async () => {
      const texts: Record<string, [string, object]> = {
        llama: ['[[topic:camelid]] The llama hums when it is content.', { legs: 4, wild: false, tags: 'wool' }],
        guanaco: ['[[topic:camelid@0.8]] The guanaco runs wild on the steppe.', { legs: 4, wild: true }],
        condor: ['[[topic:bird]] The condor circles above the cliffs.', { legs: 2, wild: true, tags: 'wings' }],
      };
      animals = {};
      for (const [name, [content, metadata]] of Object.entries(texts))
        animals[name] = await ingest(api, document({ name: `${name}.txt`, content, metadata }));
    });
    const names = (answer: Json) => answer.data.map((hit: Json) => hit.document_name.replace('.txt', ''));
    const search = (body: object) => api.expect(200, 'POST', '/v1/search', body);

    it('finds by meaning, by words and by both', async () => {
      const semantic = await search({ query: '[[topic:camelid]] animals', mode: 'semantic', limit: 2 });
      expect(names(semantic)).toEqual(['llama', 'guanaco']);
      expect(semantic).toMatchObject({
        object: 'search_results',
        degraded: [],
        usage: { embedding_tokens: expect.any(Number), cost_usd: expect.any(Number) },
      });
      expect(semantic.usage.cost_usd).toBeCloseTo((semantic.usage.embedding_tokens * 0.02) / 1_000_000, 15);
      expect(semantic.data[0]).toMatchObject({
        document_id: animals.llama.id,
        collection_id: home.collectionId,
        version: 1,
        metadata: { legs: 4 },
        location: { headings: [], start: 0 },
        scoring: { semantic_rank: 1, keyword_rank: null },
      });
      const keyword = await search({ query: 'condor cliffs', mode: 'keyword' });
      expect(names(keyword)).toEqual(['condor']);
      expect(keyword.data[0].scoring).toMatchObject({ keyword_rank: 1, semantic_rank: null });
      expect(keyword).toMatchObject({ usage: { embedding_tokens: 0, cost_usd: 0 }, cache: { embedding: 'off' } });
      const hybrid = await search({ query: '[[topic:camelid]] condor' });
      expect(new Set(names(hybrid).slice(0, 3))).toEqual(new Set(['llama', 'guanaco', 'condor']));
      expect(hybrid.timing_ms.total).toBeGreaterThan(0);
      const scores = hybrid.data.map((hit: Json) => hit.score);
      expect(scores).toEqual([...scores].sort((a: number, b: number) => b - a));
    });

    it('embeds the same question once', whileCacheAnswers, async () => {
      const query = `how high do condors fly ${randomUUID()} [[topic:bird]]`;
      expect((await search({ query, mode: 'semantic' })).cache.embedding).toBe('miss');
      const again = await search({ query, mode: 'semantic' });
      expect([again.cache.embedding, again.usage.embedding_tokens]).toEqual(['hit', 0]);
    });

    it.each([
      [{ type: 'eq', key: 'legs', value: 2 }, ['condor']],
      [{ type: 'ne', key: 'legs', value: 2 }, ['guanaco', 'llama']],
      [{ type: 'gt', key: 'legs', value: 2 }, ['guanaco', 'llama']],
      [{ type: 'lte', key: 'legs', value: 2 }, ['condor']],
      [{ type: 'in', key: 'tags', value: ['wool', 'wings'] }, ['condor', 'llama']],
      [{ type: 'nin', key: 'tags', value: ['wool', 'wings'] }, ['guanaco']],
      [{ type: 'eq', key: 'wild', value: true }, ['condor', 'guanaco']],
      [{ type: 'eq', key: 'name', value: 'llama.txt' }, ['llama']],
      [{ type: 'gte', key: 'created_at', value: '2020-01-01T00:00:00Z' }, ['condor', 'guanaco', 'llama']],
      [{ type: 'lt', key: 'created_at', value: 1577836800 }, []],
      [{ type: 'eq', key: 'missing', value: 'x' }, []],
      [
        {
          type: 'and',
          filters: [
            { type: 'eq', key: 'wild', value: true },
            {
              type: 'or',
              filters: [
                { type: 'eq', key: 'legs', value: 2 },
                { type: 'eq', key: 'legs', value: 3 },
              ],
            },
          ],
        },
        ['condor'],
      ],
    ])('is filtered: %j', async (filter, expected) => {
      const known = { type: 'in', key: 'name', value: ['llama.txt', 'guanaco.txt', 'condor.txt'] };
      const found = await search({
        query: '[[topic:camelid]] animals',
        mode: 'semantic',
        limit: 100,
        filter: { type: 'and', filters: [known, filter] },
      });
      expect(names(found).sort()).toEqual(expected);
    });

    it('is filtered by a document and limited to collections, and leaves the text out', async () => {
      const of = await search({
        query: 'animals',
        mode: 'semantic',
        filter: { type: 'eq', key: 'document_id', value: animals.condor.id },
      });
      expect(names(of)).toEqual(['condor']);
      const other = await api.expect(201, 'POST', '/v1/collections', { name: 'empty' });
      expect((await search({ query: 'llama', collection_ids: [other.id] })).data).toEqual([]);
      const bare = await search({ query: 'llama', collection_ids: [home.collectionId], include_text: false, limit: 1 });
      expect(bare.data).toHaveLength(1);
      expect(bare.data[0]).not.toHaveProperty('text');
      const unknown = await api.post('/v1/search', { query: 'x', collection_ids: [`col_${'0'.repeat(32)}`] });
      expectProblem(unknown, 404, 'not_found');
    });

    it.each([
      [{ type: 'like', key: 'a', value: 'b' }],
      [{ type: 'eq', key: 'a' }],
      [{ type: 'eq', key: 'a', value: [1] }],
      [{ type: 'in', key: 'a', value: [] }],
      [{ type: 'and', filters: [] }],
      [{ type: 'eq', key: 'created_at', value: 'yesterday' }],
      [{ type: 'and', filters: Array.from({ length: 101 }, () => ({ type: 'eq', key: 'a', value: 1 })) }],
    ])('refuses a filter that is none: %j', async (filter) => {
      const answer = await api.post('/v1/search', { query: 'x', filter });
      expectProblem(answer, 422, 'validation_failed');
      expect(answer.body.errors[0].pointer).toMatch(/^\/filter/);
    });

    it.each([9, 50, 60, 5_000, 100_000])('refuses a filter that is nested %i levels deep', async (levels) => {
      const body = `{"query":"x","filter":${'{"type":"and","filters":['.repeat(levels)}{"type":"eq","key":"a","value":1}${']}'.repeat(levels)}}`;
      const answer = await api.request('POST', '/v1/search', { raw: body });
      expectProblem(answer, 422, 'validation_failed');
    });

    it('goes on with words while the model is down, within 5 s, and says so', async () => {
      const { faults } = world().cloud.models;
      // Neither leaves the model alone for long, as a refused key would: the process is that of the tests to come.
      faults.setRules([{ kind: 'hang', rate: 1, on: 'embeddings' }]);
      try {
        const started = performance.now();
        const found = await search({ query: 'condor while the model is down' });
        expect(performance.now() - started).toBeLessThan(5_000);
        expect(found.degraded).toEqual(['embedding']);
        expect(names(found)).toContain('condor');
        faults.setRules([{ kind: 'context-length', rate: 1, on: 'embeddings' }]);
        const answer = await api.post('/v1/search', { query: 'condor, the model being down', mode: 'semantic' });
        expectProblem(answer, 503, 'model_unavailable');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      } finally {
        faults.clear();
      }
    });
  });
}
