import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Database } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import type { ObjectHead, ObjectStore } from '../../../shared/core/object-store.ts';
import { commitSplits, type SplitClaim } from '../../../shared/ingestion/commit-split.ts';
import { findMissedDeletions } from '../../../shared/ingestion/find-missed-deletions.ts';
import { findMissedUploads } from '../../../shared/ingestion/find-missed-uploads.ts';
import { parseUploadKey, type UploadKey, uploadPrefix } from '../../../shared/ingestion/object-keys.ts';
import { type RegisterUploadPorts, registerUpload } from '../../../shared/ingestion/register-upload.ts';
import type { Quotas } from '../../../shared/limits/quotas.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { IngestionWorld, MemoryQueue } from './ingestion-world.ts';

const origin = { requestId: 'test', ip: null, userAgent: null };

/** The order of S3. */
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A bucket that says which objects it holds; their bytes are nobody's concern here. */
class Bucket {
  pageSize = 1_000;
  readonly heads = new Map<string, ObjectHead>();

  add(key: string, versionId: string, metadata: Record<string, string> = {}): void {
    this.heads.set(key, { bytes: 1, contentType: 'text/plain', versionId, metadata });
  }

  readonly objects = {
    head: async (key) => this.heads.get(key),
    get: async () => undefined,
    list: async (prefix, after = '') =>
      [...this.heads.keys()]
        .sort(byBytes)
        .filter((key) => key.startsWith(prefix) && byBytes(key, after) > 0)
        .slice(0, this.pageSize)
        .map((key) => ({ key, bytes: 1, modifiedAt: new Date() })),
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

  it('that there is no room for fails, as often as it is tried, and disturbs no other', async () => {
    bucket.add(key('a.txt'), 'v1');
    const event = { bucket: 'b', key: key('a.txt'), versionId: undefined, bytes: 1, origin };
    const told: unknown[] = [];
    const quotas = { limits: { documents: 0 }, noticed: (...given: unknown[]) => void told.push(given) };
    await registerUpload({ ...ports(database.application), quotas: async () => quotas }, event);
    const version = async () =>
      (await database.admin.query('SELECT * FROM dbrag.document_versions WHERE s3_key = $1', [key('a.txt')])).rows[0];
    const failed = await version();
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'quota_exceeded' } });
    await database.admin.query(
      `UPDATE dbrag.document_versions SET attempt = 2, status = 'processing' WHERE s3_key = $1`,
      [key('a.txt')],
    );
    await database.admin.query(`UPDATE dbrag.documents SET status = 'processing', deadline_at = now() WHERE id = $1`, [
      failed.document_id,
    ]);
    const chunk = (text: string, ordinal: number) => ({
      ordinal,
      text,
      tokenCount: 1,
      language: 'simple' as const,
      contentHash: Buffer.alloc(32, text),
      location: { headings: [], start: 0, end: 1 },
    });
    const claim = {
      workspaceId: failed.workspace_id,
      documentId: failed.document_id,
      version: 1,
      attempt: 2,
      collectionId: failed.collection_id,
      priority: 'default',
      contentHash: Buffer.alloc(32, 'all'),
      split: { chunks: [chunk('a', 0), chunk('b', 1)], areStored: false },
    } as unknown as SplitClaim;
    const commit = (limits: Quotas) =>
      database.application.inWorkspace(claim, async (db) => {
        const kept = { limits, noticed: () => {} };
        const outcomes = await commitSplits(db, claim.workspaceId, { model: 'm', fallback: null }, [claim], kept);
        return outcomes.get(claim.documentId);
      });
    expect(await commit({ documents: 0 })).toBe('failed');
    expect((await version()).error.message).toMatch(/^Quota documents: 0 of 0/);
    await database.admin.query(`UPDATE dbrag.document_versions SET status = 'processing' WHERE s3_key = $1`, [
      key('a.txt'),
    ]);
    await database.admin.query(`UPDATE dbrag.documents SET status = 'processing' WHERE id = $1`, [failed.document_id]);
    expect(await commit({ documents: 1, chunks: 1 })).toBe('failed');
    expect((await version()).error.message).toMatch(/^Quota chunks: 0 of 1 chunks are used, and this needs 2 more/);
    await database.admin.query(`UPDATE dbrag.document_versions SET status = 'processing' WHERE s3_key = $1`, [
      key('a.txt'),
    ]);
    await database.admin.query(`UPDATE dbrag.documents SET status = 'processing' WHERE id = $1`, [failed.document_id]);
    expect(await commit({ documents: 1, chunks: 2 })).toBe('to_embed');
  });

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

  it('is found at night within the time that there is, and the next night goes on behind it', async () => {
    const names = ['a.txt', 'b.txt', 'c.txt'];
    for (const name of names) bucket.add(key(name), 'v1');
    const missed = { ...ports(database.maintainer), onFailed: () => {} };
    const registered = async () => {
      const each = await Promise.all(names.map((name) => versionsOf(key(name))));
      return names.filter((_, at) => each[at]?.length);
    };
    // Time for the page, and none for more than one file of it.
    const timeForOne = () => {
      let asked = 0;
      return () => asked++ < 1;
    };
    expect(await findMissedUploads(missed, timeForOne())).toBe(1);
    expect(await registered()).toEqual(['a.txt']);
    expect(await findMissedUploads(missed, timeForOne())).toBe(1);
    expect(await registered()).toEqual(['a.txt', 'b.txt']);
    expect(await findMissedUploads(missed)).toBe(1);
    expect(await registered()).toEqual(names);
  });

  const register = (object: string) =>
    registerUpload(ports(database.application), { bucket: 'b', key: object, versionId: undefined, bytes: 1, origin });
  const deleting = async () => {
    const { rows } = await database.admin.query<{ source_uri: string }>(
      `SELECT source_uri FROM dbrag.documents WHERE workspace_id = $1 AND status = 'deleting'`,
      [parseUploadKey(key('x'))?.workspaceId],
    );
    return rows.map((row) => row.source_uri.slice(`s3://${key('')}`.length)).sort();
  };

  it('whose removal no event told of is deleted at night, and no other', async () => {
    const names = ['a.txt', 'b/a.txt', 'b.txt', 'ü 🦆.txt', '\uFFFD.txt'];
    for (const name of names) {
      bucket.add(key(name), 'v1');
      await register(key(name));
    }
    bucket.pageSize = 2;
    const { workspaceId, collectionId } = parseUploadKey(key('x')) as UploadKey;
    // One that was posted, and says of itself that it comes from there.
    await new IngestionWorld({ database: database.application, modelUrl: '' }).post(
      workspaceId,
      collectionId,
      'Text.',
      {
        sourceUri: `s3://${key('posted.txt')}`,
      },
    );
    const failed: string[] = [];
    const missed = { ...ports(database.maintainer), onFailed: (object: string) => failed.push(object) };
    // What other tests left is in no bucket.
    await findMissedDeletions(missed);
    expect(await deleting()).toEqual([]);
    for (const gone of ['b/a.txt', 'ü 🦆.txt']) bucket.heads.delete(key(gone));
    expect(await findMissedDeletions(missed, () => false)).toBe(0);
    expect(await findMissedDeletions(missed)).toBe(2);
    expect(failed).toEqual([]);
    expect(await deleting()).toEqual(['b/a.txt', 'ü 🦆.txt']);
    expect(await findMissedDeletions(missed)).toBe(0);
  });

  it('whose removal no event told of is deleted within the time that a night has, and the next one goes on behind it', async () => {
    const names = ['a.txt', 'b.txt', 'c.txt'];
    for (const name of names) {
      bucket.add(key(name), 'v1');
      await register(key(name));
    }
    const missed = { ...ports(database.maintainer), onFailed: () => {} };
    // What other tests left is in no bucket.
    await findMissedDeletions(missed);
    for (const gone of ['a.txt', 'b.txt']) bucket.heads.delete(key(gone));
    /** A night that is over once it has looked at an object. */
    const night = async () => {
      let hasLooked = false;
      const head: ObjectStore['head'] = async (object) => {
        hasLooked = true;
        return bucket.objects.head(object);
      };
      return findMissedDeletions({ ...missed, objects: { ...bucket.objects, head } }, () => !hasLooked);
    };
    expect(await night()).toBe(1);
    expect(await deleting()).toEqual(['a.txt']);
    expect(await night()).toBe(1);
    expect(await deleting()).toEqual(['a.txt', 'b.txt']);
    expect(await findMissedDeletions(missed)).toBe(0);
  });

  it('is deleted by no night that finds another bucket, or an emptied one', async () => {
    for (const name of ['a.txt', 'b.txt']) {
      bucket.add(key(name), 'v1');
      await register(key(name));
    }
    bucket.heads.clear();
    bucket.add(key('of another deployment.txt'), 'v1');
    const failed: string[] = [];
    const missed = {
      ...ports(database.maintainer),
      onFailed: (_: string, error: unknown) => failed.push(String(error)),
    };
    expect(await findMissedDeletions(missed)).toBe(0);
    expect(await deleting()).toEqual([]);
    expect(failed).toEqual([expect.stringContaining('holds none of the newest files')]);
    // One of the files that the rows know of is enough.
    bucket.add(key('b.txt'), 'v1');
    expect(await findMissedDeletions(missed)).toBeGreaterThan(0);
    expect(await deleting()).toEqual(['a.txt']);
  });

  it('is named and labelled within what the API allows, whatever stands beside it', async () => {
    const name = `${'n'.repeat(300)}.txt`;
    bucket.add(key(name), 'v1', {
      'dbrag-name': ' ',
      'dbrag-fine': 'yes',
      [`dbrag-${'k'.repeat(65)}`]: 'no',
      'dbrag-long': 'v'.repeat(2_001),
    });
    await register(key(name));
    const { rows } = await database.admin.query('SELECT name, metadata FROM dbrag.documents WHERE source_uri = $1', [
      `s3://${key(name)}`,
    ]);
    expect(rows).toEqual([{ name: 'n'.repeat(255), metadata: { fine: 'yes' } }]);
  });
});
