import { describe, expect, it } from 'vitest';
import { apiRoutes } from '../../../functions/http/routes/index.ts';
import { ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import type { Workspace, World } from './world.ts';

/** What a change needs that has to be there before it. */
interface Stage {
  readonly home: Workspace;
  readonly api: ApiClient;
  readonly documentId: string;
  /** Failed, and may be begun again. */
  readonly failedJobId: string;
  /** Waits for its upload. */
  readonly waitingJobId: string;
  readonly conversationId: string;
  readonly queryId: string;
  readonly keyId: string;
}

interface Scenario {
  readonly body?: (stage: Stage) => unknown;
  readonly path?: (stage: Stage) => string;
  /** The action that the trail tells of. */
  readonly action: string;
  /** In whose chain it is; the workspace's if it is not said. */
  readonly chain?: 'system';
}

/** One accepted call of every route that changes something. A route that is not here fails the test. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'POST /v1/workspaces': { body: () => ({ name: 'made' }), action: 'operator.change', chain: 'system' },
  'PATCH /v1/workspace': { body: () => ({ name: 'audited' }), action: 'workspace.update' },
  'POST /v1/api-keys': { body: () => ({ name: 'k', role: 'reader' }), action: 'api_key.create' },
  'DELETE /v1/api-keys/{id}': { path: ({ keyId }) => `/v1/api-keys/${keyId}`, action: 'api_key.revoke' },
  'POST /v1/collections': { body: () => ({ name: 'c' }), action: 'collection.create' },
  'PATCH /v1/collections/{id}': {
    path: ({ home }) => `/v1/collections/${home.collectionId}`,
    body: () => ({ name: 'd' }),
    action: 'collection.update',
  },
  'POST /v1/collections/{id}/embed': {
    path: ({ home }) => `/v1/collections/${home.collectionId}/embed`,
    action: 'collection.embed',
  },
  'POST /v1/documents': {
    body: ({ home }) => ({ collection_id: home.collectionId, name: 'x', content: 'x' }),
    action: 'document.create',
  },
  'POST /v1/documents/batch': {
    body: ({ home }) => ({ documents: [{ collection_id: home.collectionId, name: 'x', content: 'x' }] }),
    action: 'document.create',
  },
  'PATCH /v1/documents/{id}': {
    path: ({ documentId }) => `/v1/documents/${documentId}`,
    body: () => ({ name: 'renamed' }),
    action: 'document.update',
  },
  'POST /v1/documents/{id}/reingest': {
    path: ({ documentId }) => `/v1/documents/${documentId}/reingest`,
    body: () => ({}),
    action: 'document.reingest',
  },
  'POST /v1/uploads': {
    body: ({ home }) => ({ collection_id: home.collectionId, name: 'x', content_type: 'text/plain', size_bytes: 1 }),
    action: 'document.create',
  },
  'POST /v1/jobs/{id}/cancel': { path: ({ waitingJobId }) => `/v1/jobs/${waitingJobId}/cancel`, action: 'job.cancel' },
  'POST /v1/jobs/{id}/retry': { path: ({ failedJobId }) => `/v1/jobs/${failedJobId}/retry`, action: 'job.retry' },
  'POST /v1/jobs/retry': { body: () => ({ status: 'cancelled' }), action: 'job.retry' },
  'POST /v1/search': { body: () => ({ query: 'herons' }), action: 'search.hits' },
  'POST /v1/queries': { body: () => ({ question: 'Where do herons wade?' }), action: 'query.ask' },
  'POST /v1/queries/{id}/feedback': {
    path: ({ queryId }) => `/v1/queries/${queryId}/feedback`,
    body: () => ({ rating: 5 }),
    action: 'query.rate',
  },
  'POST /v1/conversations': { body: () => ({ title: 't' }), action: 'conversation.create' },
  'POST /v1/conversations/{id}/messages': {
    path: ({ conversationId }) => `/v1/conversations/${conversationId}/messages`,
    body: () => ({ content: 'Where do herons wade?' }),
    action: 'query.ask',
  },
  'DELETE /v1/conversations/{id}': {
    path: ({ conversationId }) => `/v1/conversations/${conversationId}`,
    action: 'conversation.delete',
  },
  // While there is something to index.
  'POST /v1/indexes/rebuild': { body: () => ({}), action: 'index.rebuild' },
  'DELETE /v1/documents/{id}': { path: ({ documentId }) => `/v1/documents/${documentId}`, action: 'document.delete' },
  'DELETE /v1/collections/{id}': {
    path: ({ home }) => `/v1/collections/${home.collectionId}`,
    action: 'collection.delete',
  },
  'POST /v1/exports': { body: () => ({ scope: 'workspace' }), action: 'export.create' },
  'DELETE /v1/subjects/{id}': { path: () => '/v1/subjects/goes@example.org', action: 'subject.erase' },
};

/**
 * Changes of connections need a database to connect, members an identity provider, and what the operator sets for one workspace is told
 * by the application itself, as of every route of the operator: these are held where they are tried.
 */
const triedElsewhere = / \/v1\/(connections|sql|members|workspaces\/)/;

/** Who did what, as the API tells it and as the chain keeps it. */
export function auditSuite(world: World): void {
  const events = async (api: ApiClient, query: string): Promise<Json[]> =>
    (await api.expect(200, 'GET', `/v1/audit-events?${query}`)).data;
  const eventOf = (api: ApiClient, query: string) =>
    eventually(
      () => events(api, query),
      (found) => found.length > 0,
    );

  async function stage(): Promise<Stage> {
    const home = await world().workspace('trail');
    const { api } = home;
    const document = await ingest(api, {
      collection_id: home.collectionId,
      name: 'herons.txt',
      content: 'Herons wade in shallow water.',
    });
    const failed = await api.expect(202, 'POST', '/v1/documents', {
      collection_id: home.collectionId,
      name: 'broken.pdf',
      content: 'no PDF',
      content_type: 'application/pdf',
    });
    await endOfJob(api, failed.job.id);
    const upload = await api.expect(201, 'POST', '/v1/uploads', {
      collection_id: home.collectionId,
      name: 'never.txt',
      content_type: 'text/plain',
      size_bytes: 1,
    });
    const conversation = await api.expect(201, 'POST', '/v1/conversations', {});
    const query = await api.expect(200, 'POST', '/v1/queries', { question: 'What do herons do?' });
    await api.expect(201, 'POST', '/v1/conversations', { subject: 'goes@example.org' });
    const key = await api.expect(201, 'POST', '/v1/api-keys', { name: 'goes', role: 'reader' });
    return {
      home,
      api,
      documentId: document.id,
      failedJobId: failed.job.id,
      waitingJobId: upload.job.id,
      conversationId: conversation.id,
      queryId: query.id,
      keyId: key.id,
    };
  }

  describe('the trail of who did what', () => {
    it('tells of every route that changes something, and of whom, from where, once', async () => {
      const changing = apiRoutes
        .filter(({ method, access }) => method !== 'GET' && access !== 'anyone')
        .map(({ method, path }) => `${method} ${path}`);
      // A workspace that is erased takes its chain along: the system's tells, where erasures are tried.
      expect([...Object.keys(scenarios), 'DELETE /v1/workspace'].sort()).toEqual(
        changing.filter((name) => !triedElsewhere.test(name)).sort(),
      );
      const at = await stage();
      for (const [name, scenario] of Object.entries(scenarios)) {
        const [method = '', template = ''] = name.split(' ');
        const client = scenario.chain === 'system' ? world().operator : at.api;
        const body = scenario.body?.(at);
        const answer = await client.request(method, scenario.path?.(at) ?? template, {
          body,
          headers: { 'user-agent': 'suite/1' },
        });
        expect([name, answer.status, answer.status < 300 ? '' : answer.text]).toEqual([name, answer.status, '']);
        const requestId = answer.headers.get('x-request-id') as string;
        const found = await eventOf(client, `request_id=${requestId}`);
        expect(found, name).toMatchObject([
          {
            actor: scenario.chain === 'system' ? 'operator' : at.home.keyId,
            action: scenario.action,
            outcome: 'success',
            ip: '127.0.0.1',
            user_agent: 'suite/1',
          },
        ]);
      }
    }, 60_000);

    it('tells of what was read, for whom, and of who was refused', async () => {
      const { home, api, documentId, queryId } = await stage();
      const reader = await world().key(home, { role: 'reader' });
      const asked = async (client: ApiClient, method: string, path: string, body?: unknown) =>
        (await client.request(method, path, { body })).headers.get('x-request-id') as string;
      const of = async (id: string) => (await eventOf(api, `request_id=${id}`))[0];
      expect(await of(await asked(reader, 'GET', `/v1/documents/${documentId}/chunks`))).toMatchObject({
        action: 'document.read',
        access_type: 'data_access',
        resource_id: documentId,
      });
      expect(await of(await asked(reader, 'POST', '/v1/search', { query: 'herons' }))).toMatchObject({
        action: 'search.hits',
        detail: { documents: [documentId] },
      });
      expect(await of(await asked(reader, 'GET', `/v1/queries/${queryId}`))).toMatchObject({ resource_id: queryId });
      const question = { question: 'Where do herons wade?', subject: 'ada@example.org' };
      expect(await of(await asked(reader, 'POST', '/v1/queries', question))).toMatchObject({
        action: 'query.ask',
        subject: 'ada@example.org',
        detail: { documents: [documentId] },
      });
      expect(await events(api, 'subject=ada@example.org')).toHaveLength(1);
      expect(await events(api, 'subject=nobody')).toEqual([]);
      expect(await of(await asked(reader, 'POST', '/v1/collections', { name: 'x' }))).toMatchObject({
        action: 'authorization.refuse',
        access_type: 'security',
        outcome: 'denied',
        detail: { route: 'POST /v1/collections' },
      });
      const stranger = new ApiClient(world().cloud.url, 'dbrag_none');
      const refused = await asked(stranger, 'GET', '/v1/collections');
      const [event] = await eventOf(world().operator, `request_id=${refused}`);
      expect(event).toMatchObject({ actor: 'anonymous', action: 'authentication.refuse', ip: '127.0.0.1' });
      expect((await reader.get('/v1/audit-events')).status).toBe(403);
      const page = await api.expect(200, 'GET', '/v1/audit-events?limit=2');
      const next = await api.expect(200, 'GET', `/v1/audit-events?limit=2&after=${page.last_id}`);
      expect(page.has_more).toBe(true);
      expect(next.data[0].at <= page.data[1].at && next.data[0].id !== page.data[1].id).toBe(true);
    }, 30_000);

    it('is sealed, and its roots lie where they are locked', async () => {
      const home = await world().workspace('sealed');
      world().maintain({ kind: 'audit' });
      await eventually(
        () => events(home.api, 'action=collection.create'),
        ([event]) => event.sealed,
      );
      const sealed = await world().admin.query(
        'SELECT rooted_at IS NOT NULL AS rooted FROM dbrag.audit_seals WHERE workspace_id = $1',
        [home.uuid],
      );
      expect(sealed.rows.length).toBeGreaterThan(0);
      await eventually(
        () =>
          world().count('SELECT count(*) FROM dbrag.audit_seals WHERE workspace_id = $1 AND rooted_at IS NULL', [
            home.uuid,
          ]),
        (open) => open === 0,
      );
    });
  });
}
