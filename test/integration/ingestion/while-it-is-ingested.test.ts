import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import { Outage } from '../../../shared/core/outage.ts';
import { updateDocument } from '../../../shared/ingestion/documents.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld } from './ingestion-world.ts';

let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;
beforeAll(async () => {
  [test, models] = await Promise.all([createTestDatabase(), startFakeModelServer()]);
});
afterAll(async () => {
  await models?.close();
  await test?.close();
});
beforeEach(async () => {
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const post = () => world.post(workspaceId, collectionId, 'Herons wade in shallow water.');
const documentOf = async (id: string) =>
  (
    await test.admin.query<{ status: string; name: string; metadata: object; error: unknown; text: string | null }>(
      `SELECT status, name, metadata, error, (SELECT min(text) FROM dbrag.chunks c WHERE c.document_id = d.id) AS text
       FROM dbrag.documents d WHERE id = $1`,
      [id],
    )
  ).rows[0];
const faults = () => findDatabaseFaults(test.admin, { workspaceId });

describe('a bucket', () => {
  /** What the adapter throws for an answer that says to slow down, for half a body, and for none. */
  it('that does not answer fails no document: its message comes again', async () => {
    const { documentId } = await post();
    const { get } = world.objects;
    let away = 2;
    world.objects.get = async (...asked) => {
      if (away-- > 0) throw new Outage('The object store does not answer.');
      return get.apply(world.objects, asked);
    };
    const body = world.queue.sent[0]?.nudge.body;
    for (let receive = 0; receive < 2; receive++) {
      await expect(world.ingest(body)).rejects.toBeInstanceOf(Outage);
      expect(await documentOf(documentId)).toMatchObject({ status: 'processing', error: null });
    }
    expect(await world.ingest(body)).toBe('to_embed');
    await world.drain();
    expect(await documentOf(documentId)).toMatchObject({ status: 'ready' });
    expect(await faults()).toEqual([]);
  });

  it('whose object has changed since it was registered gives the bytes that were', async () => {
    const { documentId } = await post();
    await test.admin.query(`UPDATE dbrag.document_versions SET s3_version_id = 'first' WHERE document_id = $1`, [
      documentId,
    ]);
    const versions = new Map([
      ['first', 'Herons wade in shallow water.'],
      ['second', 'Storks nest on roofs.'],
    ]);
    const get: ObjectStore['get'] = async (_key, { versionId = 'second' }) => {
      const body = Buffer.from(versions.get(versionId) ?? '');
      return { body, bytes: body.length, contentType: 'text/plain', versionId, metadata: {} };
    };
    Object.assign(world.objects, { get });
    await world.drain();
    expect(await documentOf(documentId)).toMatchObject({ status: 'ready', text: versions.get('first') });
  });
});

describe('a document', () => {
  it.each(['worker.after_claim', 'worker.after_parse', 'worker.before_commit', 'worker.after_embed_call'])(
    'keeps the labels that it is given at %s',
    async (step) => {
      const { documentId } = await post();
      let given = 0;
      world.failpoint = {
        async reach(name) {
          if (name !== step || given++ > 0) return;
          await test.application.inWorkspace({ workspaceId }, (db) =>
            updateDocument(db, workspaceId, documentId, { name: 'birds.md', metadata: { colour: 'grey' } }),
          );
        },
      };
      await world.drain();
      expect(given).toBeGreaterThan(0);
      expect(await documentOf(documentId)).toMatchObject({
        status: 'ready',
        name: 'birds.md',
        metadata: { colour: 'grey' },
      });
      expect(await faults()).toEqual([]);
    },
  );
});
