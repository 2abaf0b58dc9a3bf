import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import type { ObjectHead, ObjectStore } from '../../../shared/core/object-store.ts';
import { beginDeletion } from '../../../shared/ingestion/delete-document.ts';
import { uploadPrefix } from '../../../shared/ingestion/object-keys.ts';
import { registerUpload } from '../../../shared/ingestion/register-upload.ts';
import { runDeletion } from '../../../shared/ingestion/remove-document.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { MemoryQueue } from './ingestion-world.ts';

/** How many sequences are tried; `npm run test:races` tries 1,000. */
const sequences = Number(process.env.SEQUENCES ?? 12);
const origin = { requestId: 'test', ip: null, userAgent: null };

/** A versioned bucket that says which objects it holds: the newest version of a key, or a delete marker. */
class VersionedBucket {
  readonly current = new Map<string, ObjectHead>();
  private made = 0;

  put(key: string): void {
    this.made += 1;
    this.current.set(key, { bytes: 1, contentType: 'text/plain', versionId: `v${this.made}`, metadata: {} });
  }

  readonly objects = {
    head: async (key) => this.current.get(key),
    get: async () => undefined,
    delete: async (keys) => {
      for (const key of keys) this.current.delete(key);
    },
    // What is not current is not modelled, and what is current stays: only versions behind it are removed for good.
    purge: async () => 0,
  } satisfies Partial<ObjectStore> as unknown as ObjectStore;
}

type Step =
  | { readonly do: 'put' | 'remove' | 'delete over HTTPS'; readonly key: number }
  /** One of the events that wait, wherever it stands among them; it may come again. */
  | { readonly do: 'event'; readonly which: number; readonly again: boolean }
  | { readonly do: 'run deletions' };

const key = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete over HTTPS' as const), key }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('event' as const), which: fc.nat(), again: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'run deletions' as const }) },
);

describe('uploads', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());

  /** One run: what the bucket does, and what is told of it, late, twice and in any order. */
  async function run(steps: readonly Step[]) {
    const { id: workspaceId } = await createWorkspace(database.application);
    const collectionId = await createCollection(database.application, workspaceId);
    const bucket = new VersionedBucket();
    const keyOf = (number: number) => `${uploadPrefix(workspaceId, collectionId)}${number}.txt`;
    const ports = {
      database: database.maintainer,
      failpoint: noFailpoint,
      objects: bucket.objects,
      queue: new MemoryQueue(),
      sweep: { arm: async () => {} },
      clock: systemClock,
      onRejected: () => {},
    };
    const inWorkspace = <T>(work: Parameters<typeof database.application.inWorkspace<T>>[1]) =>
      database.application.inWorkspace({ workspaceId }, work);
    let events: string[] = [];
    const deliver = async (object: string) => {
      try {
        await registerUpload(ports, { bucket: 'b', key: object, versionId: undefined, bytes: 1, origin });
      } catch (error) {
        // It meets a deletion that is under way: the message comes again.
        if (!(error instanceof DbragError && error.code === 'conflict')) throw error;
        events.push(object);
      }
    };
    const runDeletions = async () => {
      const { rows } = await inWorkspace((db) =>
        db.query<{ id: string }>(
          `SELECT id FROM dbrag.jobs WHERE type = 'delete' AND status = 'queued' ORDER BY created_at`,
        ),
      );
      for (const { id } of rows) {
        const before = new Set(bucket.current.keys());
        await runDeletion(ports, workspaceId, id, { remainingTime: () => 60_000 });
        // S3 tells of what we remove as well.
        for (const object of before) if (!bucket.current.has(object)) events.push(object);
      }
    };
    for (const each of steps) {
      if (each.do === 'run deletions') await runDeletions();
      else if (each.do === 'event') {
        const index = events.length > 0 ? each.which % events.length : -1;
        const object = events[index];
        if (object === undefined) continue;
        if (!each.again) events = events.filter((_, i) => i !== index);
        await deliver(object);
      } else if (each.do === 'delete over HTTPS') {
        await inWorkspace(async (db) => {
          const { rows } = await db.query<{ id: string }>(
            `SELECT id FROM dbrag.documents WHERE source_uri = $1 AND status <> 'deleting'`,
            [`s3://${keyOf(each.key)}`],
          );
          if (rows[0]) await beginDeletion(db, ports, workspaceId, rows[0].id, 'test');
        });
      } else {
        if (each.do === 'put') bucket.put(keyOf(each.key));
        else if (!bucket.current.delete(keyOf(each.key))) continue;
        events.push(keyOf(each.key));
      }
    }
    for (let round = 0; round < 10 && (round === 0 || events.length > 0); round++) {
      await runDeletions();
      for (const object of events.splice(0).reverse()) await deliver(object);
      await runDeletions();
    }
    expect(events).toEqual([]);
    for (const number of [0, 1]) {
      const { rows } = await inWorkspace((db) =>
        db.query<{ status: string; versions: string[] }>(
          `SELECT d.status, (SELECT array_agg(v.s3_version_id ORDER BY v.version DESC) FROM dbrag.document_versions v
             WHERE v.document_id = d.id) AS versions
           FROM dbrag.documents d WHERE d.source_uri = $1`,
          [`s3://${keyOf(number)}`],
        ),
      );
      const object = bucket.current.get(keyOf(number));
      if (!object) {
        expect(rows).toEqual([]);
        continue;
      }
      expect(rows).toMatchObject([{ status: 'queued' }]);
      const { versions } = rows[0] as { versions: string[] };
      // What the bucket holds is the newest version, and none was made twice.
      expect(versions[0]).toBe(object.versionId);
      expect(new Set(versions).size).toBe(versions.length);
      expect(versions).toEqual(versions.toSorted((a, b) => Number(b.slice(1)) - Number(a.slice(1))));
    }
  }

  it('end as the bucket is, whatever it did and however it was told of', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), run), {
      numRuns: sequences,
      endOnFailure: sequences > 100,
    });
  }, 1_800_000);
});
