import type { JWTPayload } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, ingest } from '../../support/api-client.ts';
import type { Workspace, World } from './world.ts';

/** People who come by tokens of an identity provider, through the whole service. */
export function peopleSuite(world: World): void {
  let home: Workspace;
  let other: Workspace;
  const client = async (claims: JWTPayload, header = {}) =>
    new ApiClient(world().cloud.url, await world().people.token(claims, header));
  const put = (workspace: Workspace, subject: string, body: object) =>
    workspace.api.request('PUT', `/v1/members/${encodeURIComponent(subject)}`, { body });
  beforeAll(async () => {
    [home, other] = [await world().workspace('people'), await world().workspace('other people')];
  });

  describe('a person', () => {
    it('may what the workspace says, and asks for themselves', async () => {
      const subject = 'auth0|ünï/code 1';
      const made = await put(home, subject, { role: 'reader' });
      expect([made.status, made.body]).toMatchObject([
        200,
        {
          object: 'member',
          subject,
          issuer: world().people.issuer,
          role: 'reader',
          collection_ids: null,
          connection_ids: null,
        },
      ]);
      expect((await home.api.get(`/v1/members/${encodeURIComponent(subject)}`)).body).toEqual(made.body);
      const person = await client({ sub: subject });
      expect((await person.expect(200, 'GET', '/v1/workspace')).id).toBe(home.id);
      expect(
        (await person.post('/v1/documents', { collection_id: home.collectionId, name: 'x', content: 'x' })).status,
      ).toBe(403);
      const conversation = await person.expect(201, 'POST', '/v1/conversations', {});
      expect(conversation.subject).toBe(subject);
      const spoof = await person.post('/v1/conversations', { subject: 'somebody else' });
      expect([spoof.status, spoof.body.code]).toEqual([403, 'forbidden']);
      const { rows } = await world().admin.query(
        `SELECT actor FROM dbrag.audit_events WHERE workspace_id = $1 AND resource_id = $2`,
        [home.uuid, conversation.id],
      );
      expect(rows).toEqual([{ actor: made.body.subject_id }]);
    });

    it('belongs nowhere unless a workspace says so, and picks one of several', async () => {
      const stranger = await client({ sub: 'stranger' });
      expect([(await stranger.get('/v1/workspace')).status, (await stranger.get('/v1/members')).status]).toEqual([
        403, 403,
      ]);
      for (const [workspace, role] of [
        [home, 'editor'],
        [other, 'reader'],
      ] as const)
        expect((await put(workspace, 'guest', { role })).status).toBe(200);
      const guest = await client({ sub: 'guest' });
      const unnamed = await guest.get('/v1/workspace');
      expect([unnamed.status, unnamed.body.errors?.[0]?.pointer]).toEqual([422, '/x-dbrag-workspace']);
      for (const { id } of [home, other])
        expect((await guest.get('/v1/workspace', { 'x-dbrag-workspace': id })).body.id).toBe(id);
      const elsewhere = await world().workspace('no guests');
      expect((await guest.get('/v1/workspace', { 'x-dbrag-workspace': elsewhere.id })).status).toBe(404);
      // A key has one workspace, and does not slip into another.
      expect((await home.api.get('/v1/workspace', { 'x-dbrag-workspace': home.id })).status).toBe(200);
      expect((await home.api.get('/v1/workspace', { 'x-dbrag-workspace': other.id })).status).toBe(404);
    });

    it('narrowed to a collection sees nothing else, and hands on no more', async () => {
      const open = await home.api.expect(201, 'POST', '/v1/collections', { name: 'open' });
      await ingest(home.api, { collection_id: home.collectionId, name: 'closed', content: 'Axolotls are closed.' });
      await put(home, 'narrow', { role: 'admin', collection_ids: [open.id], connection_ids: [] });
      await put(home, 'wide', { role: 'reader' });
      const narrow = await client({ sub: 'narrow' });
      expect((await narrow.expect(200, 'GET', '/v1/collections')).data.map(({ id }: { id: string }) => id)).toEqual([
        open.id,
      ]);
      expect((await narrow.expect(200, 'POST', '/v1/search', { query: 'axolotls', mode: 'keyword' })).data).toEqual([]);
      expect(
        (await narrow.expect(200, 'GET', '/v1/members?limit=100')).data.map(
          ({ subject }: { subject: string }) => subject,
        ),
      ).toEqual(['narrow']);
      expect((await narrow.expect(200, 'GET', '/v1/api-keys?limit=100')).data).toEqual([]);
      const answers = [
        await narrow.request('PUT', '/v1/members/wide', { body: { role: 'reader' } }),
        await narrow.request('PUT', '/v1/members/new', { body: { role: 'owner' } }),
        await narrow.delete('/v1/members/wide'),
        await narrow.get('/v1/members/wide'),
        await narrow.post('/v1/collections', { name: 'x' }),
        await narrow.request('PUT', '/v1/members/heir', { body: { role: 'reader' } }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 404, 404, 403, 200]);
      expect(answers.at(-1)?.body).toMatchObject({ collection_ids: [open.id], connection_ids: [] });
    });

    it('is known where they are a member and nowhere else', async () => {
      await put(other, 'theirs', { role: 'reader' });
      expect((await home.api.get('/v1/members/theirs')).status).toBe(404);
      expect((await home.api.delete('/v1/members/theirs')).status).toBe(404);
      expect((await put(home, 'x', { role: 'reader', collection_ids: [other.collectionId] })).status).toBe(404);
      expect((await put(home, 'x', { role: 'reader', issuer: 'https://else.example' })).body.errors?.[0]?.pointer).toBe(
        '/issuer',
      );
      expect((await other.api.get('/v1/members/theirs')).status).toBe(200);
      expect((await other.api.delete('/v1/members/theirs')).status).toBe(204);
      expect((await other.api.get('/v1/members/theirs')).status).toBe(404);
      expect((await (await client({ sub: 'theirs' })).get('/v1/workspace')).status).toBe(403);
    });
  });

  describe('a bad token', () => {
    it('is refused, however it is bad, and the next request is served', async () => {
      await put(home, 'person', { role: 'reader' });
      const now = Math.floor(Date.now() / 1_000);
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const tokens = [
        `${part({ alg: 'none' })}.${part({ iss: world().people.issuer, aud: 'dbrag', sub: 'person', exp: now + 60 })}.`,
        await world().people.token({ exp: now - 1 }),
        await world().people.token({ iss: 'https://else.example' }),
        await world().people.token({}, { kid: 'unknown' }),
      ];
      for (const token of tokens) {
        const { status, body } = await new ApiClient(world().cloud.url, token).get('/v1/workspace');
        expect([401, 429]).toContain(status);
        expect(body.id).toBeUndefined();
      }
      const long = await new ApiClient(world().cloud.url, `eyJ${'a'.repeat(20_000)}.a.a`).get('/v1/workspace');
      expect([long.status, long.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
      // Node refuses headers of that size before anybody reads them.
      const huge = await new ApiClient(world().cloud.url, `eyJ${'a'.repeat(1_000_000)}.a.a`).get('/v1/workspace').then(
        ({ status }) => status,
        () => 'cut off',
      );
      expect([431, 'cut off']).toContain(huge);
      expect((await (await client({ sub: 'person' })).get('/v1/workspace')).status).toBe(200);
    });
  });
}
