import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import { uuidOf, type World } from './world.ts';

/** What leaves with its owner: exports, subjects and whole workspaces. */
export function privacySuite(world: World): void {
  const lines = (bytes: Uint8Array | undefined): Json[] =>
    Buffer.from(bytes ?? [])
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  async function download(url: string): Promise<Record<string, Uint8Array>> {
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    return unzipSync(new Uint8Array(await answer.arrayBuffer()));
  }

  async function furnished(name: string) {
    const home = await world().workspace(name);
    const { api } = home;
    const text = 'Herons wade in shallow water.';
    const document = await ingest(api, { collection_id: home.collectionId, name: 'her/ons.txt', content: text });
    const ask = (subject: string) =>
      api.expect(200, 'POST', '/v1/queries', { question: 'Where do herons wade?', subject });
    const [ada, bob] = [await ask('ada@example.org'), await ask('bob@example.org')];
    const conversation = await api.expect(201, 'POST', '/v1/conversations', { subject: 'ada@example.org', title: 'A' });
    await api.expect(200, 'POST', `/v1/conversations/${conversation.id}/messages`, {
      content: 'Where do herons wade?',
    });
    return { home, api, document, text, ada, bob, conversation };
  }

  describe('an export', () => {
    it('of a workspace has its rows and files, with their checksums, for the owner alone', async () => {
      const { home, api, document, text, ada } = await furnished('exported');
      const { job } = await api.expect(202, 'POST', '/v1/exports', { scope: 'workspace' });
      const done = await endOfJob(api, job.id, 30_000);
      expect(done).toMatchObject({ type: 'export', status: 'succeeded', error: null });
      expect(Date.parse(done.result.expires_at)).toBeGreaterThan(Date.now() + 6 * 86_400_000);
      const files = await download(done.result.url);
      const manifest = JSON.parse(Buffer.from(files['manifest.json'] ?? []).toString());
      expect(manifest).toMatchObject({ format: 'dbrag-export', workspace_id: home.id, archive: 1, last: true });
      const named = manifest.files.map((file: Json) => file.path);
      expect(Object.keys(files).sort()).toEqual([...named, 'manifest.json'].sort());
      for (const { path, bytes, sha256 } of manifest.files) {
        const content = files[path] as Uint8Array;
        expect([path, content.length, createHash('sha256').update(content).digest('hex')]).toEqual([
          path,
          bytes,
          sha256,
        ]);
      }
      expect(Buffer.from(files[`files/${document.id}/1/her_ons.txt`] ?? []).toString()).toBe(text);
      expect(lines(files['tables/chunks.jsonl'])).toMatchObject([{ document_id: uuidOf(document.id), text }]);
      expect(lines(files['tables/queries.jsonl']).map((row) => row.id)).toContain(uuidOf(ada.id));
      expect(lines(files['tables/audit_events.jsonl'])[0].origin).toEqual(null);
      expect(lines(files['tables/audit_events.jsonl']).at(-1)?.origin).toMatchObject({ ip: '127.0.0.1' });
      expect(Buffer.from(files['tables/api_keys.jsonl'] ?? []).toString()).not.toContain('hash');
      const reader = await world().key(home, { role: 'admin' });
      const seen = await reader.expect(200, 'GET', `/v1/jobs/${job.id}`);
      expect(JSON.stringify(seen.result)).not.toMatch(/url|content\//);
      expect((await reader.post('/v1/exports', { scope: 'workspace' })).status).toBe(403);
      expect(JSON.stringify(await api.expect(200, 'GET', '/v1/jobs?type=export'))).not.toContain('content/');
    });

    it('of a subject has what is kept of it, and nothing of anybody else', async () => {
      const { api, ada, bob, conversation } = await furnished('subject export');
      expect((await api.post('/v1/exports', { scope: 'subject', subject: 'nobody' })).status).toBe(404);
      expect((await api.post('/v1/exports', { scope: 'subject' })).status).toBe(422);
      const { job } = await api.expect(202, 'POST', '/v1/exports', { scope: 'subject', subject: 'ada@example.org' });
      const done = await endOfJob(api, job.id, 30_000);
      const files = await download(done.result.url);
      expect(lines(files['tables/conversations.jsonl']).map((row) => row.id)).toEqual([uuidOf(conversation.id)]);
      // What was said; and what was answered, where the model knew something.
      const said = lines(files['tables/messages.jsonl']);
      expect([1, 2]).toContain(said.length);
      for (const message of said) expect(message.conversation_id).toBe(uuidOf(conversation.id));
      expect(lines(files['tables/queries.jsonl']).map((row) => row.id)).toContain(uuidOf(ada.id));
      const all = Object.values(files)
        .map((bytes) => Buffer.from(bytes).toString())
        .join();
      expect(all).not.toContain(uuidOf(bob.id));
      expect(all).not.toContain('bob@example.org');
      expect(files['tables/documents.jsonl']).toBeUndefined();
    });
  });

  describe('an erasure', () => {
    it('of a subject leaves nothing of it, and all of others, and says so', async () => {
      const { home, api, ada, bob, conversation } = await furnished('forgetful');
      const { job: exported } = await api.expect(202, 'POST', '/v1/exports', { scope: 'workspace' });
      const { url } = (await endOfJob(api, exported.id, 30_000)).result;
      const trail = async () =>
        (await api.expect(200, 'GET', '/v1/audit-events?action=query.ask')).data.map((event: Json) => event.subject);
      await eventually(
        trail,
        (subjects) => subjects.filter((name: string | null) => name === 'ada@example.org').length === 2,
      );
      const { job } = await api.expect(202, 'DELETE', '/v1/subjects/ada@example.org');
      const done = await endOfJob(api, job.id, 30_000);
      expect(done).toMatchObject({ type: 'erase', status: 'succeeded' });
      expect(done.result).toMatchObject({
        object: 'erasure_certificate',
        scope: 'subject',
        workspace_id: home.id,
        erased: { conversations: 1, messages: expect.any(Number), queries: 2, audit_keys: 1, subjects: 1 },
        check: `/v1/erasures/${job.id}`,
      });
      expect(Date.parse(done.result.backups_expire_at)).toBeGreaterThan(Date.now());
      const checked = await api.expect(200, 'GET', done.result.check);
      expect(checked).toMatchObject({ status: 'succeeded', remaining: {} });
      expect((await api.get(`/v1/queries/${ada.id}`)).status).toBe(404);
      expect((await api.get(`/v1/conversations/${conversation.id}`)).status).toBe(404);
      expect((await api.get(`/v1/queries/${bob.id}`)).status).toBe(200);
      expect((await fetch(url)).status).toBe(404);
      // Events are still there, and no longer say of whom they are.
      expect((await trail()).filter((name: string | null) => name === null)).toHaveLength(2);
      expect(await trail()).toContain('bob@example.org');
      const { rows } = await world().admin.query(
        `SELECT count(*)::int AS rows FROM dbrag.jobs WHERE workspace_id = $1 AND (input::text || coalesce(result::text, '')) LIKE '%ada@example%'`,
        [home.uuid],
      );
      expect(rows).toEqual([{ rows: 0 }]);
      expect((await api.delete('/v1/subjects/ada@example.org')).status).toBe(404);
      // The same name comes back as somebody new.
      const again = await api.expect(200, 'POST', '/v1/queries', { question: 'Who am I?', subject: 'ada@example.org' });
      expect((await api.get(`/v1/queries/${again.id}`)).status).toBe(200);
    });

    it('of a document removes every version of its bytes', async () => {
      const { api, document, home } = await furnished('versions');
      const prefix = `content/${home.id}/`;
      const keys = await versionsUnder(prefix);
      expect(keys).toBe(1);
      const { job } = await api.expect(202, 'DELETE', `/v1/documents/${document.id}`);
      await endOfJob(api, job.id);
      expect(await versionsUnder(prefix)).toBe(0);
    });

    it('of a workspace leaves nothing but its certificate, for whoever asked', async () => {
      const { home, api } = await furnished('gone');
      const admin = await world().key(home, { role: 'admin' });
      expect((await admin.delete('/v1/workspace')).status).toBe(403);
      const { job } = await api.expect(202, 'DELETE', '/v1/workspace');
      // Whoever missed the answer asks again, while it goes on and after its end.
      expect((await api.expect(202, 'DELETE', '/v1/workspace')).job).toMatchObject({ id: job.id, type: 'erase' });
      const done = await endOfJob(api, job.id, 30_000);
      expect(done).toMatchObject({ type: 'erase', status: 'succeeded', result: { scope: 'workspace' } });
      expect(done.result.erased).toMatchObject({
        documents: 1,
        chunks: 1,
        queries: 3,
        conversations: 1,
        workspaces: 1,
      });
      expect(done.result.erased.object_versions).toBeGreaterThan(0);
      const checked = await api.expect(200, 'GET', done.result.check);
      expect(checked).toMatchObject({ status: 'succeeded', remaining: {}, certificate: done.result });
      expect(await world().operator.expect(200, 'GET', done.result.check)).toMatchObject({ remaining: {} });
      // Keys open nothing any more; those that did not ask see nothing at all.
      await eventually(
        () => api.get('/v1/workspace'),
        ({ status }) => status === 401,
        40_000,
      );
      const late = await api.delete('/v1/workspace');
      expect([late.status, late.headers.get('location')]).toEqual([202, `/v1/jobs/${job.id}`]);
      expect(late.body.job).toMatchObject({ id: job.id, status: 'succeeded', result: done.result });
      // A key of the same workspace that asked for nothing is told of nothing.
      const other = await admin.delete('/v1/workspace');
      expect([other.status < 300, other.body.job]).toEqual([false, undefined]);
      expect((await new ApiClient(world().cloud.url, null).get(`/v1/jobs/${job.id}`)).status).toBe(401);
      const { rows: tables } = await world().admin.query<{ name: string }>(
        `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
         WHERE c.relnamespace = 'dbrag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
      );
      for (const { name } of tables)
        expect([
          name,
          await world().count(`SELECT count(*) FROM dbrag.${name} WHERE workspace_id = $1`, [home.uuid]),
        ]).toEqual([name, 0]);
      for (const prefix of [`content/${home.id}/`, `uploads/${home.id}/`]) expect(await versionsUnder(prefix)).toBe(0);
      const erased = await world().operator.expect(200, 'GET', '/v1/audit-events?action=workspace.erased');
      expect(erased.data.map((event: Json) => event.resource_id)).toContain(home.id);
    }, 90_000);
  });

  async function versionsUnder(prefix: string): Promise<number> {
    const { ListObjectVersionsCommand } = await import('@aws-sdk/client-s3');
    const { Versions, DeleteMarkers } = await world().s3.send(
      new ListObjectVersionsCommand({ Bucket: world().cloud.uploadBucket, Prefix: prefix }),
    );
    return (Versions?.length ?? 0) + (DeleteMarkers?.length ?? 0);
  }
}
