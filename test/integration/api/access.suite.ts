import { beforeAll, describe, expect, it } from 'vitest';
import { apiRoutes } from '../../../functions/http/routes/index.ts';
import { roles } from '../../../shared/core/caller.ts';
import { type Answer, ApiClient, endOfJob, ingest, type Json } from '../../support/api-client.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

const absent = '0'.repeat(32);

/** A body that passes the schema of a route, so that what refuses it is not the schema. */
const bodies = (home: { collectionId: string }): Record<string, object> => ({
  'POST /v1/workspaces': { name: 'another' },
  'PATCH /v1/workspace': {},
  'POST /v1/api-keys': { name: 'x', role: 'reader' },
  'PUT /v1/members/{subject}': { role: 'reader' },
  'POST /v1/collections': { name: 'x' },
  'PATCH /v1/collections/{id}': { name: 'x' },
  'POST /v1/documents': { collection_id: home.collectionId, name: 'x', content: 'x' },
  'POST /v1/documents/{id}/reingest': {},
  'POST /v1/documents/batch': { documents: [{ collection_id: home.collectionId, name: 'x', content: 'x' }] },
  'PATCH /v1/documents/{id}': { name: 'x' },
  'POST /v1/uploads': { collection_id: home.collectionId, name: 'x', content_type: 'text/plain', size_bytes: 1 },
  'POST /v1/jobs/retry': { status: 'failed' },
  // Of somebody who is not there: what the role allows is then not found.
  'POST /v1/exports': { scope: 'subject', subject: 'nobody' },
  'POST /v1/search': { query: 'x', mode: 'keyword' },
  'POST /v1/queries': { question: 'x' },
  'POST /v1/queries/{id}/feedback': { rating: 3 },
  'POST /v1/conversations': {},
  'POST /v1/conversations/{id}/messages': { content: 'x' },
  // Of a host that is nobody's business.
  'POST /v1/connections': { name: 'x', host: '169.254.169.254', database: 'x', user: 'x', password: 'x' },
  'PATCH /v1/connections/{id}': { name: 'x' },
  'PATCH /v1/connections/{id}/tables/{table}': { description: 'x' },
  'POST /v1/connections/{id}/examples': { question: 'x', sql: 'SELECT 1' },
  'POST /v1/connections/{id}/terms': { term: 'x', sql: '1' },
  // Of a workspace that is not there.
  'PATCH /v1/workspaces/{id}': { rate_limits: null },
  'POST /v1/sql/generate': { connection_id: `con_${absent}`, question: 'x' },
  'POST /v1/sql/run': { connection_id: `con_${absent}`, sql: 'SELECT 1' },
  // Of a partition that is not there: what the role allows is then not found.
  'POST /v1/indexes/rebuild': { partition: 'embeddings_none' },
});

/** An address that is refused often is told to come back later, and is refused all the same. */
const isRefused = (status: number) => status === 401 || status === 429;

const kindOf = (path: string): string =>
  ({
    '/v1/api-keys': 'key',
    '/v1/members': 'sub',
    '/v1/collections': 'col',
    '/v1/documents': 'doc',
    '/v1/jobs': 'job',
    '/v1/queries': 'qry',
    '/v1/conversations': 'cnv',
    '/v1/connections': 'con',
    '/v1/workspaces': 'ws',
    '/v1/subjects': 'sub',
    '/v1/erasures': 'job',
  })[path.slice(0, path.indexOf('/{'))] as string;

/** Who may do what, and who sees what. */
export function accessSuite(world: World): void {
  let home: Workspace;
  beforeAll(async () => {
    home = await world().workspace('access');
  });
  const ask = (
    api: ApiClient,
    route: (typeof apiRoutes)[number],
    id: string,
    from: { collectionId: string } = home,
  ) => {
    const body = bodies(from)[`${route.method} ${route.path}`];
    return api.request(route.method, route.path.replaceAll(/\{\w+\}/g, id), body ? { body } : {});
  };

  describe('every route', () => {
    it('has a body here if it wants one', () => {
      const known = bodies(home);
      for (const route of apiRoutes) {
        const name = `${route.method} ${route.path}`;
        expect([name, name in known]).toEqual([name, route.body !== undefined]);
      }
    });

    it('asks for its role, and lets in whoever has it or a stronger one', async () => {
      const clients = new Map<string, ApiClient>();
      for (const role of roles) clients.set(role, await world().key(home, { role }));
      const wrong: string[] = [];
      for (const route of apiRoutes) {
        if (route.access === 'anyone') continue;
        const id = `${kindOf(route.path)}_${absent}`;
        for (const role of roles) {
          // What an owner may do with this one ends the workspace: it is tried where erasures are.
          if (role === 'owner' && route.method === 'DELETE' && route.path === '/v1/workspace') continue;
          const { status } = await ask(clients.get(role) as ApiClient, route, id);
          const needsOperator = route.access === 'operator';
          const least = route.access === 'operator_or_admin' ? 'admin' : route.access;
          const allowed = least !== 'operator' && roles.indexOf(role) >= roles.indexOf(least);
          const right = needsOperator
            ? isRefused(status)
            : allowed
              ? ![401, 403, 429].includes(status) && status !== 500
              : status === 403;
          if (!right) wrong.push(`${route.method} ${route.path} as ${role}: ${status}`);
        }
        const operator = await ask(world().operator, route, id);
        if (isRefused(operator.status) === route.access.startsWith('operator'))
          wrong.push(`${route.method} ${route.path} as operator: ${operator.status}`);
        const nobody = await ask(world().nobody, route, id);
        if (!isRefused(nobody.status) || (nobody.status === 401 && nobody.headers.get('www-authenticate') !== 'Bearer'))
          wrong.push(`${route.method} ${route.path} as nobody: ${nobody.status}`);
      }
      expect(wrong).toEqual([]);
    });

    it('answers a foreign id as one that does not exist', async () => {
      const other = await world().workspace('foreign');
      const document = await ingest(other.api, {
        collection_id: other.collectionId,
        name: 'secret.txt',
        content: 'A secret of somebody else.',
      });
      const { data: jobs } = await other.api.expect(200, 'GET', '/v1/jobs');
      const conversation = await other.api.expect(201, 'POST', '/v1/conversations', {});
      const said = await other.api.expect(200, 'POST', `/v1/conversations/${conversation.id}/messages`, {
        content: 'Which secret?',
      });
      const foreign: Record<string, string> = {
        cnv: conversation.id,
        // One that could be another's needs a database to connect to: the suite of connections has some.
        con: `con_${absent}`,
        qry: said.id,
        key: other.keyId,
        col: other.collectionId,
        doc: document.id,
        job: jobs[0].id,
      };
      const wrong: string[] = [];
      // The operator's are nobody else's, whatever the id; a subject is whoever is named, so each workspace has its own of any name.
      const named = apiRoutes.filter(({ path }) => path.includes('{id}') && !path.startsWith('/v1/subjects/'));
      for (const route of named.filter(({ access }) => access !== 'operator')) {
        const kind = kindOf(route.path);
        expect([kind, foreign[kind]]).toEqual([kind, expect.stringMatching(/^[a-z]{2,3}_[0-9a-f]{32}$/)]);
        for (const id of [foreign[kind] as string, `${kind}_${absent}`, `${kind}_x`, 'nonsense', `zzz_${absent}`]) {
          const answer = await ask(home.api, route, id);
          if (answer.status !== 404 || answer.body?.code !== 'not_found')
            wrong.push(`${route.method} ${route.path} ${id}: ${answer.status}`);
        }
      }
      expect(wrong).toEqual([]);
      const inBody = [
        await home.api.post('/v1/documents', { collection_id: other.collectionId, name: 'x', content: 'x' }),
        await home.api.post('/v1/uploads', {
          collection_id: other.collectionId,
          name: 'x',
          content_type: 'text/plain',
          size_bytes: 1,
        }),
        await home.api.post('/v1/search', { query: 'x', collection_ids: [other.collectionId] }),
        await home.api.post('/v1/api-keys', { name: 'x', role: 'reader', collection_ids: [other.collectionId] }),
        await home.api.get(`/v1/documents?collection_id=${other.collectionId}`),
      ];
      expect(inBody.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
      // A place in somebody else's list is none in one's own.
      const lists = {
        collections: 'col',
        documents: 'doc',
        jobs: 'job',
        'api-keys': 'key',
        queries: 'qry',
        conversations: 'cnv',
      };
      for (const [list, kind] of Object.entries(lists)) {
        const page = await home.api.get(`/v1/${list}?limit=100&after=${foreign[kind]}`);
        const shown = Object.values(foreign).filter((id) => page.text.includes(id) && id !== foreign.con);
        expect([list, page.status, shown]).toEqual([list, 200, []]);
      }
      // And nothing happened to what was asked for.
      const still = await other.api.expect(200, 'GET', `/v1/documents/${document.id}`);
      expect(still).toMatchObject({ name: 'secret.txt', status: 'ready' });
      expect((await other.api.get('/v1/collections')).body.data).toMatchObject([{ id: other.collectionId }]);
    });

    it('shows nothing of another workspace', async () => {
      const [one, two] = [await world().workspace('one'), await world().workspace('two')];
      const text = 'Both workspaces hold this very sentence about quetzals.';
      for (const { api, collectionId } of [one, two])
        await ingest(api, { collection_id: collectionId, name: 'same.txt', content: text, source_uri: 'urn:same' });
      for (const [own, foreign] of [
        [one, two],
        [two, one],
      ] as const) {
        for (const mode of ['hybrid', 'semantic', 'keyword']) {
          const { data } = await own.api.expect(200, 'POST', '/v1/search', { query: 'quetzals', mode, limit: 100 });
          expect(data.map((hit: Json) => hit.collection_id)).toEqual([own.collectionId]);
        }
        for (const list of ['collections', 'documents', 'jobs', 'api-keys']) {
          const { data } = await own.api.expect(200, 'GET', `/v1/${list}`);
          expect([list, data.length]).toEqual([list, 1]);
          expect(JSON.stringify(data)).not.toContain(foreign.collectionId);
        }
        expect((await own.api.expect(200, 'GET', '/v1/workspace')).id).toBe(own.id);
      }
      const { rows } = await world().admin.query(
        'SELECT workspace_id, s3_key FROM dbrag.document_versions WHERE workspace_id = ANY ($1)',
        [[one.uuid, two.uuid]],
      );
      for (const row of rows) expect(row.s3_key.replaceAll('-', '')).toContain(row.workspace_id.replaceAll('-', ''));
    });
  });

  describe('an API key', () => {
    it('is shown once, listed without its secret, and taken in either header', async () => {
      const made = await home.api.expect(201, 'POST', '/v1/api-keys', { name: 'mine', role: 'editor' });
      expect(made).toMatchObject({ object: 'api_key', role: 'editor', collection_ids: null, expires_at: null });
      expect(made.secret).toMatch(/^dbrag_[0-9A-Za-z]{36}$/);
      const { data } = await home.api.expect(200, 'GET', '/v1/api-keys?limit=100');
      const listed = data.find((key: Json) => key.id === made.id);
      expect(listed).toMatchObject({ name: 'mine', last_used_at: null });
      expect(JSON.stringify(data)).not.toContain('secret');
      const { rows } = await world().admin.query('SELECT k::text AS row FROM dbrag.api_keys k WHERE id = $1', [
        uuidOf(made.id),
      ]);
      expect(rows[0].row).not.toContain(made.secret);
      for (const headers of [
        { authorization: `Bearer ${made.secret}` },
        { authorization: `bearer  ${made.secret} ` },
        { 'x-api-key': made.secret },
      ] as Record<string, string>[])
        expect((await world().nobody.get('/v1/collections', headers)).status).toBe(200);
      const used = await home.api.expect(200, 'GET', '/v1/api-keys?limit=100');
      expect(used.data.find((key: Json) => key.id === made.id).last_used_at).not.toBeNull();
    });

    it('is refused when a character is wrong, when it is unknown, and when it is none', async () => {
      const secret = home.api.key as string;
      const last = secret.at(-1) === 'a' ? 'b' : 'a';
      for (const wrong of [
        secret.slice(0, -1) + last,
        secret.slice(0, -1),
        `${secret}0`,
        secret.toUpperCase(),
        'dbrag_',
        'x',
        `dbrag_${'0'.repeat(36)}`,
      ]) {
        const answer = await new ApiClient(world().cloud.url, wrong).get('/v1/collections');
        expect([wrong, isRefused(answer.status), answer.body.data]).toEqual([wrong, true, undefined]);
      }
      for (const authorization of ['Basic dXNlcjpwYXNz', 'Bearer', '', 'Bearer a b'])
        expect(isRefused((await world().nobody.get('/v1/collections', { authorization })).status)).toBe(true);
    });

    it('is not revoked by one that may less, nor the workspace changed by a narrowed one', async () => {
      const owner = await home.api.expect(201, 'POST', '/v1/api-keys', { name: 'owner', role: 'owner' });
      const admin = await world().key(home, { role: 'admin' });
      const collection = await home.api.expect(201, 'POST', '/v1/collections', { name: 'narrow' });
      const narrow = await world().key(home, { role: 'admin', collection_ids: [collection.id] });
      expect((await narrow.patch('/v1/workspace', { name: 'taken over' })).status).toBe(403);
      expect((await admin.delete(`/v1/api-keys/${owner.id}`)).status).toBe(403);
      const wide = await home.api.expect(201, 'POST', '/v1/api-keys', { name: 'wide', role: 'reader' });
      expect((await narrow.delete(`/v1/api-keys/${wide.id}`)).status).toBe(404);
      expect((await home.api.delete(`/v1/api-keys/${owner.id}`)).status).toBe(204);
      expect((await admin.delete(`/v1/api-keys/${wide.id}`)).status).toBe(204);
    });

    it('is not revoked while it is the last of an owner of the whole workspace', async () => {
      const { api, keyId, uuid, collectionId } = await world().workspace('last key');
      const owner = (more: object) =>
        api.expect(201, 'POST', '/v1/api-keys', { name: 'owner', role: 'owner', ...more });
      // Neither of these could mend what the last one can.
      const expired = await owner({});
      const narrowed = await owner({ collection_ids: [collectionId] });
      await world().admin.query('UPDATE dbrag.api_keys SET expires_at = now() WHERE id = $1', [uuidOf(expired.id)]);
      const refused = await api.delete(`/v1/api-keys/${keyId}`);
      expect([refused.status, refused.body.code]).toEqual([409, 'conflict']);
      for (const { id } of [expired, narrowed]) expect((await api.delete(`/v1/api-keys/${id}`)).status).toBe(204);
      // Of two that are revoked at once, one stays; where the one that asks is revoked first, the other request is nobody's.
      const second = await owner({});
      const both = await Promise.all([keyId, second.id].map((id) => api.delete(`/v1/api-keys/${id}`)));
      const [revoked, kept] = both.map(({ status }) => status).toSorted();
      expect(revoked).toBe(204);
      expect([401, 409, 429]).toContain(kept);
      const left = `SELECT count(*) FROM dbrag.api_keys WHERE workspace_id = $1 AND role = 'owner'`;
      expect(await world().count(left, [uuid])).toBe(1);
    });

    it('is refused once it is revoked, and once it has expired', async () => {
      const made = await home.api.expect(201, 'POST', '/v1/api-keys', { name: 'revoked', role: 'reader' });
      const revoked = await home.api.delete(`/v1/api-keys/${made.id}`);
      expect([revoked.status, revoked.text]).toEqual([204, '']);
      expect(isRefused((await new ApiClient(world().cloud.url, made.secret).get('/v1/collections')).status)).toBe(true);
      expect((await home.api.delete(`/v1/api-keys/${made.id}`)).status).toBe(404);
      const soon = new Date(Date.now() + 1_500).toISOString();
      const short = await home.api.expect(201, 'POST', '/v1/api-keys', {
        name: 'short',
        role: 'reader',
        expires_at: soon,
      });
      const client = new ApiClient(world().cloud.url, short.secret);
      expect((await client.get('/v1/collections')).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, Date.parse(soon) - Date.now() + 50));
      expect(isRefused((await client.get('/v1/collections')).status)).toBe(true);
    });

    it('hands on no more than it has', async () => {
      const admin = await world().key(home, { role: 'admin' });
      const refused = await admin.post('/v1/api-keys', { name: 'x', role: 'owner' });
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
      expect((await admin.post('/v1/api-keys', { name: 'x', role: 'admin' })).status).toBe(201);
    });

    it('narrowed to a collection sees nothing else', async () => {
      const { api } = home;
      const open = await api.expect(201, 'POST', '/v1/collections', { name: 'open' });
      const closed = await api.expect(201, 'POST', '/v1/collections', { name: 'closed' });
      const documents: Record<string, Json> = {};
      for (const { id, name } of [open, closed])
        documents[name] = await ingest(api, { collection_id: id, name, content: `Chinchillas in the ${name} one.` });
      const narrow = await world().key(home, { role: 'admin', collection_ids: [open.id] });
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        const { data } = await narrow.expect(200, 'POST', '/v1/search', { query: 'chinchillas', mode, limit: 100 });
        expect([mode, data.map((hit: Json) => hit.document_id)]).toEqual([mode, [documents.open.id]]);
      }
      const ids = async (path: string) => (await narrow.expect(200, 'GET', path)).data.map((one: Json) => one.id);
      expect(await ids('/v1/collections?limit=100')).toEqual([open.id]);
      expect(await ids('/v1/documents?limit=100')).toEqual([documents.open.id]);
      expect(await ids('/v1/jobs?limit=100')).toHaveLength(1);
      const [hidden] = (await api.expect(200, 'GET', `/v1/jobs?document_id=${documents.closed.id}`)).data;
      const refused: Answer[] = [
        await narrow.get(`/v1/collections/${closed.id}`),
        await narrow.get(`/v1/documents/${documents.closed.id}`),
        await narrow.get(`/v1/documents/${documents.closed.id}/chunks`),
        await narrow.get(`/v1/documents/${documents.closed.id}/versions`),
        await narrow.get(`/v1/documents/${documents.closed.id}/content`),
        await narrow.get(`/v1/jobs/${hidden.id}`),
        await narrow.get(`/v1/jobs/${hidden.id}/events`),
        await narrow.patch(`/v1/documents/${documents.closed.id}`, { name: 'mine' }),
        await narrow.delete(`/v1/documents/${documents.closed.id}`),
        await narrow.delete(`/v1/collections/${closed.id}`),
        await narrow.post('/v1/documents', { collection_id: closed.id, name: 'x', content: 'x' }),
        await narrow.post('/v1/search', { query: 'x', collection_ids: [closed.id] }),
        await narrow.post('/v1/api-keys', { name: 'x', role: 'reader', collection_ids: [closed.id] }),
      ];
      expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 404));
      expect((await narrow.post('/v1/collections', { name: 'x' })).status).toBe(403);
      const heir = await narrow.expect(201, 'POST', '/v1/api-keys', { name: 'heir', role: 'reader' });
      expect(heir.collection_ids).toEqual([open.id]);
      expect((await api.get(`/v1/documents/${documents.closed.id}`)).body.name).toBe('closed');
      const { job } = await narrow.expect(202, 'DELETE', `/v1/documents/${documents.open.id}`);
      expect(await endOfJob(narrow, job.id)).toMatchObject({ status: 'succeeded' });
    });
  });

  describe('the operator', () => {
    it('makes and lists workspaces, and has no other business in them', async () => {
      // The id of this one follows from its key and not from the time; it is older all the same.
      const replayable = { 'idempotency-key': `older-${home.id}` };
      const older = await world().operator.post('/v1/workspaces', { name: 'older' }, replayable);
      const made = await world().operator.post('/v1/workspaces', { name: 'made' });
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({ id: expect.stringMatching(/^ws_[0-9a-f]{32}$/), name: 'made' });
      const { data } = await world().operator.expect(200, 'GET', '/v1/workspaces?limit=1');
      expect(data).toMatchObject([{ id: made.body.id, name: 'made' }]);
      const next = await world().operator.expect(200, 'GET', `/v1/workspaces?limit=1&after=${made.body.id}`);
      expect(next.data).toMatchObject([{ id: older.body.id, name: 'older' }]);
      expect(JSON.stringify(data)).not.toContain('secret');
      const own = new ApiClient(world().cloud.url, made.body.api_key.secret);
      expect(await own.expect(200, 'PATCH', '/v1/workspace', { name: 'renamed' })).toMatchObject({ name: 'renamed' });
      expect(await own.expect(200, 'GET', '/v1/workspace')).toMatchObject({ name: 'renamed', id: made.body.id });
    });
  });
}
