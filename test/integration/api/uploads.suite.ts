import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, endOfJob, eventually, type Json } from '../../support/api-client.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

/** What a person puts into the bucket, with any S3 client or a signed URL. */
export function uploadSuite(world: World): void {
  let home: Workspace;
  beforeAll(async () => {
    home = await world().workspace('uploads');
  });

  const prefix = () => `uploads/${home.id}/${home.collectionId}/`;
  const put = (key: string, body: string, metadata: Record<string, string> = {}, contentType = 'text/plain') =>
    world().s3.send(
      new PutObjectCommand({
        Bucket: world().cloud.uploadBucket,
        Key: key,
        Body: body,
        ContentType: contentType,
        Metadata: metadata,
      }),
    );
  const remove = (key: string) =>
    world().s3.send(new DeleteObjectCommand({ Bucket: world().cloud.uploadBucket, Key: key }));
  const documentsOf = async (api: ApiClient, key: string): Promise<Json[]> => {
    const { data } = await api.expect(200, 'GET', '/v1/documents?limit=100');
    return data.filter((document: Json) => document.source_uri === `s3://${key}`);
  };
  const readyAt = (key: string, version: number) =>
    eventually(
      () => documentsOf(home.api, key),
      ([document]) => document?.live_version === version,
    ).then(([document]) => document);

  describe('files put into the bucket', () => {
    it.each([
      'plain.txt',
      'with spaces and + plus.txt',
      'ünïcode/羊驼/🦙.txt',
      "it's (100%) & more!.txt",
      'a=b?c#d.txt',
      '100%25 + %zz.txt',
      '  spaces  at both ends  ',
    ])('become documents under the name %s', async (name) => {
      const key = prefix() + name;
      const content = `A file called ${name}.`;
      await put(key, content);
      const document = await readyAt(key, 1);
      expect(document).toMatchObject({
        name: name.slice(name.lastIndexOf('/') + 1),
        status: 'ready',
        content_type: 'text/plain',
        bytes: Buffer.byteLength(content),
      });
      const { url } = await home.api.expect(200, 'GET', `/v1/documents/${document.id}/content`);
      expect(await (await fetch(url)).text()).toBe(content);
    });

    it('become documents although their key climbs', async () => {
      // No URL to its content: clients that follow the URL standard resolve the dots, and S3 then refuses the signature.
      const key = `${prefix()}a/../../b/..%2F%20.txt`;
      await put(key, 'A key that climbs.');
      const { id, name } = await readyAt(key, 1);
      expect(name).toBe('..%2F%20.txt');
      const chunks = await home.api.expect(200, 'GET', `/v1/documents/${id}/chunks`);
      expect(chunks.data[0].text).toBe('A key that climbs.');
    });

    it('carry labels in their metadata and in a sidecar, also one that comes later', async () => {
      const key = `${prefix()}labelled.txt`;
      await put(`${key}.metadata.json`, JSON.stringify({ metadata: { year: 1999, draft: true, team: 'sidecar' } }));
      await put(key, 'Labelled text.', {
        'dbrag-team': 'header',
        'dbrag-colour': 'red',
        'dbrag-name': 'Shown name.txt',
        'dbrag-priority': 'critical',
        unrelated: 'x',
      });
      const document = await readyAt(key, 1);
      expect(document).toMatchObject({
        name: 'Shown name.txt',
        metadata: { team: 'sidecar', colour: 'red', year: 1999, draft: true },
      });
      await put(`${key}.metadata.json`, JSON.stringify({ year: 2000 }));
      const relabelled = await eventually(
        () => home.api.expect(200, 'GET', `/v1/documents/${document.id}`),
        (current) => current.metadata.year === 2000,
      );
      expect(relabelled).toMatchObject({ version: 1, metadata: { team: 'header', colour: 'red', year: 2000 } });
      const job = await home.api.expect(200, 'GET', `/v1/jobs?document_id=${document.id}`);
      expect(job.data).toHaveLength(1);
      const all = await home.api.expect(200, 'GET', '/v1/documents?limit=100');
      expect(all.data.filter((one: Json) => one.name.endsWith('.metadata.json'))).toEqual([]);
    });

    it('become a new version when they are overwritten, and go when they are deleted', async () => {
      const key = `${prefix()}overwritten.txt`;
      await put(key, 'The first text of the file.');
      const first = await readyAt(key, 1);
      await put(key, 'The second text of the file.');
      const second = await readyAt(key, 2);
      expect(second.id).toBe(first.id);
      const chunks = await home.api.expect(200, 'GET', `/v1/documents/${first.id}/chunks`);
      expect(chunks.data[0].text).toBe('The second text of the file.');
      await remove(key);
      await eventually(
        () => home.api.get(`/v1/documents/${first.id}`),
        (answer) => answer.status === 404,
      );
      expect(await documentsOf(home.api, key)).toEqual([]);
    });

    it('end as the bucket has them although events come twice and in any order', async () => {
      const { s3 } = world().cloud.aws;
      const keys = Array.from({ length: 6 }, (_, i) => `${prefix()}disorder-${i}.txt`);
      Object.assign(s3.faults, { notificationDuplicateRate: 0.7, notificationReorderWindow: 5 });
      try {
        for (const round of [1, 2, 3]) {
          for (const [i, key] of keys.entries()) {
            if (round === 2 && i % 3 === 0) await remove(key);
            else await put(key, `File ${i}, round ${round}.`);
          }
        }
        for (const key of keys.slice(0, 2)) await remove(key);
        await s3.notificationsDrained();
      } finally {
        Object.assign(s3.faults, { notificationDuplicateRate: 0, notificationReorderWindow: 0 });
      }
      for (const [i, key] of keys.entries()) {
        if (i < 2) {
          await eventually(
            () => documentsOf(home.api, key),
            (found) => found.length === 0,
            40_000,
          );
          continue;
        }
        const [document] = await eventually(
          () => documentsOf(home.api, key),
          ([found, ...others]) =>
            others.length === 0 && found?.status === 'ready' && found.version === found.live_version,
          40_000,
        );
        const chunks = await home.api.expect(200, 'GET', `/v1/documents/${document.id}/chunks`);
        expect(chunks.data.map((chunk: Json) => chunk.text)).toEqual([`File ${i}, round 3.`]);
      }
    });

    it('leave no document outside of a known collection, and are listed for the operator', async () => {
      const other = await world().workspace('elsewhere');
      const wrong = [
        'uploads/stray.txt',
        `uploads/${home.id}/no-collection.txt`,
        `uploads/ws_${'0'.repeat(32)}/col_${'0'.repeat(32)}/unknown.txt`,
        `uploads/${home.id}/${other.collectionId}/foreign collection.txt`,
        `uploads/${home.id}/not-an-id/x.txt`,
      ];
      for (const key of wrong) await put(key, 'Nobody asked for this.');
      await put(`${prefix()}folder/`, '');
      const listed = await eventually(
        () => world().operator.expect(200, 'GET', '/v1/rejected-uploads?limit=100'),
        ({ data }) => wrong.every((key) => data.some((upload: Json) => upload.key === key)),
      );
      const found = (key: string) => listed.data.find((upload: Json) => upload.key === key);
      expect(found('uploads/stray.txt')).toMatchObject({
        object: 'rejected_upload',
        bucket: world().cloud.uploadBucket,
        bytes: 22,
        reason: 'not under uploads/<workspace>/<collection>/',
      });
      expect(found(wrong[3] ?? '').reason).toBe('unknown workspace or collection');
      expect(listed.data.some((upload: Json) => upload.key.endsWith('folder/'))).toBe(false);
      expect((await other.api.expect(200, 'GET', '/v1/documents')).data).toEqual([]);
      expect((await home.api.get('/v1/rejected-uploads')).status).toBe(401);
    });

    it('are put to their audit trail', async () => {
      const key = `${prefix()}audited.txt`;
      await put(key, 'Audited.');
      const { id } = await readyAt(key, 1);
      await remove(key);
      await eventually(
        () => home.api.get(`/v1/documents/${id}`),
        (answer) => answer.status === 404,
      );
      const { rows } = await world().admin.query(
        'SELECT actor, action, outcome, request_id, origin IS NOT NULL AS has_origin FROM dbrag.audit_events WHERE workspace_id = $1 AND resource_id = $2 ORDER BY at',
        [home.uuid, id],
      );
      expect(rows).toMatchObject([
        { actor: 's3', action: 'document.create', outcome: 'success', has_origin: true },
        { actor: 's3', action: 'document.delete', outcome: 'success', has_origin: true },
      ]);
      expect(rows[0].request_id).toMatch(/./);
    });

    it('that were put over one that is being deleted stay', async () => {
      const key = `${prefix()}phoenix.txt`;
      await put(key, 'Before the fire.');
      const { id } = await readyAt(key, 1);
      const { job } = await home.api.expect(202, 'DELETE', `/v1/documents/${id}`);
      await put(key, 'After the fire.');
      await endOfJob(home.api, job.id);
      // The event that met the deletion under way comes again after its visibility timeout.
      await world().cloud.aws.s3.notificationsDrained();
      const again = await eventually(
        () => documentsOf(home.api, key),
        ([document]) => document?.status === 'ready' && document.id !== id,
        100_000,
      );
      const chunks = await home.api.expect(200, 'GET', `/v1/documents/${again[0].id}/chunks`);
      expect(chunks.data[0].text).toBe('After the fire.');
      // On a busy machine it may meet the deletion twice, or a time-out.
    }, 150_000);
  });

  describe('announced uploads', () => {
    const announce = (body: object = {}) =>
      home.api.expect(201, 'POST', '/v1/uploads', {
        collection_id: home.collectionId,
        name: 'announced.txt',
        content_type: 'text/plain',
        size_bytes: 12,
        ...body,
      });

    it('wait for their file and are ingested when it comes', async () => {
      const { document_id, job, upload } = await announce({ metadata: { via: 'url' }, priority: 'critical' });
      expect(upload).toMatchObject({
        method: 'PUT',
        headers: { 'content-type': 'text/plain', 'content-length': '12' },
      });
      const minutes = (Date.parse(upload.expires_at) - Date.now()) / 60_000;
      expect(minutes).toBeGreaterThan(14);
      expect(minutes).toBeLessThanOrEqual(15);
      expect(job).toMatchObject({
        status: 'queued',
        why: expect.stringMatching(/^Waiting for the file to be uploaded, until .*Z\.$/),
        document_id,
      });
      const before = await home.api.expect(200, 'GET', `/v1/documents/${document_id}`);
      expect(before).toMatchObject({ status: 'awaiting_upload', version: 1, live_version: null, bytes: 12 });
      expect((await home.api.get(`/v1/documents/${document_id}/content`)).status).toBe(404);
      const stored = await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: 'twelve bytes' });
      expect(stored.status).toBe(200);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'succeeded' });
      const after = await home.api.expect(200, 'GET', `/v1/documents/${document_id}`);
      expect(after).toMatchObject({ status: 'ready', name: 'announced.txt', metadata: { via: 'url' }, version: 1 });
      expect(after.source_uri).toMatch(/^s3:\/\/uploads\//);
    });

    it('refuse another length, another type and an expired signature', async () => {
      const { upload, document_id } = await announce();
      const attempt = (url: string, body: string, type = 'text/plain') =>
        fetch(url, { method: 'PUT', headers: { 'content-type': type }, body }).then((response) => response.status);
      expect(await attempt(upload.url, 'thirteen byte')).toBe(403);
      expect(await attempt(upload.url, 'twelve bytes', 'text/html')).toBe(403);
      const command = new PutObjectCommand({ Bucket: world().cloud.uploadBucket, Key: `${prefix()}expired.txt` });
      const signingDate = new Date(Date.now() - 16 * 60_000);
      expect(await attempt(await getSignedUrl(world().s3, command, { signingDate, expiresIn: 900 }), 'late')).toBe(403);
      expect(await attempt(await getSignedUrl(world().s3, command, { expiresIn: 900 }), 'early')).toBe(200);
      const elsewhere = new URL(upload.url);
      elsewhere.pathname = elsewhere.pathname.replace('announced', 'another');
      expect(await attempt(elsewhere.href, 'twelve bytes')).toBe(403);
      const document = await home.api.expect(200, 'GET', `/v1/documents/${document_id}`);
      expect(document.status).toBe('awaiting_upload');
      expect(await attempt(upload.url, 'twelve bytes')).toBe(200);
    });

    it.each(['report.metadata.json', '..', 'a/b.txt', 'ünï + 100%.md'])('may be called %s', async (name) => {
      const { upload, job, document_id } = await announce({ name });
      const stored = await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: '{"a": "b c"}' });
      expect(stored.status).toBe(200);
      expect(await endOfJob(home.api, job.id)).toMatchObject({ status: 'succeeded' });
      expect(await home.api.expect(200, 'GET', `/v1/documents/${document_id}`)).toMatchObject({ name });
    });

    it('are refused when they announce more than the stage reads', async () => {
      const answer = await home.api.post('/v1/uploads', {
        collection_id: home.collectionId,
        name: 'large.bin',
        content_type: 'text/plain',
        size_bytes: 300_001,
      });
      expect(answer.status).toBe(413);
      expect(answer.body.code).toBe('payload_too_large');
    });

    it('are counted by their collection while they wait', async () => {
      const collection = await home.api.expect(201, 'POST', '/v1/collections', { name: 'waiting' });
      await announce({ collection_id: collection.id });
      const counted = await home.api.expect(200, 'GET', `/v1/collections/${collection.id}`);
      expect(counted).toMatchObject({ documents: { awaiting_upload: 1, ready: 0 }, chunks: 0 });
      expect(
        await world().count('SELECT count(*) FROM dbrag.documents WHERE collection_id = $1', [uuidOf(collection.id)]),
      ).toBe(1);
    });
  });
}
