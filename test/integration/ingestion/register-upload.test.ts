import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Database } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import type { ObjectHead, ObjectStore } from '../../../shared/core/object-store.ts';
import { findMissedUploads } from '../../../shared/ingestion/find-missed-uploads.ts';
import { uploadPrefix } from '../../../shared/ingestion/object-keys.ts';
import { type RegisterUploadPorts, registerUpload } from '../../../shared/ingestion/register-upload.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { MemoryQueue } from './ingestion-world.ts';

const origin = { requestId: 'test', ip: null, userAgent: null };

/** A bucket that says which objects it holds; their bytes are nobody's concern here. */
class Bucket {
  readonly heads = new Map<string, ObjectHead>();

  add(key: string, versionId: string): void {
    this.heads.set(key, { bytes: 1, contentType: 'text/plain', versionId, metadata: {} });
  }

  readonly objects = {
    head: async (key) => this.heads.get(key),
    get: async () => undefined,
    list: async (_prefix, after) =>
      after === undefined
        ? [...this.heads.keys()].sort().map((key) => ({ key, bytes: 1, modifiedAt: new Date() }))
        : [],
  } satisfies Partial<ObjectStore> as unknown as ObjectStore;
}

describe('an upload', () => {
  let database: TestDatabase;
  let bucket: Bucket;
  let key: (name: string) => string;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());
  beforeEach(async () => {
    const { id: workspaceId } = await createWorkspace(database.application);
    const collectionId = await createCollection(database.application, workspaceId);
    key = (name) => uploadPrefix(workspaceId, collectionId) + name;
    bucket = new Bucket();
  });

  const ports = (connection: Database): RegisterUploadPorts => ({
    database: connection,
    failpoint: noFailpoint,
    objects: bucket.objects,
    queue: new MemoryQueue(),
    sweep: { arm: async () => {} },
    clock: systemClock,
    onRejected: () => {},
  });
  const versionsOf = async (object: string) => {
    const { rows } = await database.admin.query<{ version: number }>(
      'SELECT version FROM dbrag.document_versions WHERE s3_key = $1 ORDER BY version',
      [object],
    );
    return rows.map((row) => row.version);
  };

  it('that many messages tell of at once becomes one version', async () => {
    bucket.add(key('a.txt'), 'v1');
    const event = { bucket: 'b', key: key('a.txt'), versionId: undefined, bytes: 1, origin };
    const connections = Array.from({ length: 4 }, () => openTestDatabase(database.applicationUrl));
    await Promise.all(connections.map((connection) => registerUpload(ports(connection), event)));
    await Promise.all(connections.map((connection) => connection.close()));
    expect(await versionsOf(key('a.txt'))).toEqual([1]);
  });

  it('that cannot be registered now keeps no other from being found at night', async () => {
    for (const name of ['a.txt', 'b.txt', 'c.txt']) bucket.add(key(name), 'v1');
    await registerUpload(ports(database.application), {
      bucket: 'b',
      key: key('b.txt'),
      versionId: undefined,
      bytes: 1,
      origin,
    });
    await database.admin.query(`UPDATE dbrag.documents SET status = 'deleting' WHERE source_uri = $1`, [
      `s3://${key('b.txt')}`,
    ]);
    await database.admin.query(
      `UPDATE dbrag.document_versions SET s3_version_id = 'v0', created_at = now() - interval '1 day' WHERE s3_key = $1`,
      [key('b.txt')],
    );
    const failed: string[] = [];
    const found = await findMissedUploads({
      ...ports(database.maintainer),
      onFailed: (object) => failed.push(object),
    });
    expect(found).toBe(2);
    expect(failed).toEqual([key('b.txt')]);
    expect(await versionsOf(key('c.txt'))).toEqual([1]);
  });
});
