import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateOf } from '../../faults/state-digest.ts';
import type { Accepted } from '../../faults/traffic.ts';
import { findLost, findWrongDeadLetters, findWrongVectors } from '../../faults/verdict.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findCacheFaults, findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld } from '../ingestion/ingestion-world.ts';

/** A checker that finds nothing proves nothing until it has found everything that was put there to be found. */
describe('the checker', () => {
  const content = '# Skagen\n\nThe lighthouse was lit in 1747.\n\n## Height\n\nIt is 21 metres high.';
  let test: TestDatabase;
  let models: FakeModelServer;
  let workspaceId: string;
  let documentId: string;
  let accepted: Accepted;

  beforeAll(async () => {
    test = await createTestDatabase();
    models = await startFakeModelServer();
    const world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
    workspaceId = (await createWorkspace(test.application)).id;
    const collectionId = await createCollection(test.application, workspaceId);
    ({ documentId } = await world.post(workspaceId, collectionId, content));
    await world.ingest(world.queue.take('ingest', 1)?.bodies[0]);
    await world.embed(world.queue.take('embed', 10)?.bodies ?? []);
    await test.admin.query(`UPDATE dbrag.documents SET source_uri = 'file:///0' WHERE id = $1`, [documentId]);
    accepted = {
      ...{ source: 'file:///0', documentId, jobId: undefined, name: 'x.md', contentType: 'text/markdown', content },
      fate: undefined,
    };
  });
  afterAll(async () => {
    await models.close();
    await test.close();
  });

  const findAll = async (given: Accepted = accepted, givenUp: readonly string[] = []): Promise<string[]> => [
    ...(await findDatabaseFaults(test.admin, { workspaceId })).map(({ invariant }) => invariant),
    ...(await findLost(test.admin, workspaceId, [given])),
    ...(await findWrongVectors(test.admin, workspaceId, models.vectors)),
    ...(await findWrongDeadLetters(test.admin, workspaceId, givenUp)),
  ];

  /** What is found while something is spoilt; the rows are as before afterwards. */
  async function foundAfter(...spoil: readonly string[]): Promise<string[]> {
    await test.admin.query('BEGIN');
    try {
      await test.admin.query(`SET LOCAL session_replication_role = replica`);
      for (const sql of spoil) await test.admin.query(sql);
      return await findAll();
    } finally {
      await test.admin.query('ROLLBACK');
    }
  }

  it('finds nothing where nothing is wrong', async () => {
    expect(await findAll()).toEqual([]);
  });

  it.each([
    ['a version that never ended', `UPDATE dbrag.document_versions SET status = 'processing'`, /^I1/],
    [
      'a failure without a code',
      `ALTER TABLE dbrag.document_versions DROP CONSTRAINT document_versions_check1;
       UPDATE dbrag.document_versions SET status = 'failed', error = '{}'`,
      /^I1/,
    ],
    ['a job that never ended', `UPDATE dbrag.jobs SET status = 'running'`, /^I1/],
    ['a lost document', 'DELETE FROM dbrag.documents', /^I1 what was accepted is there/],
    ['a lost placement', 'DELETE FROM dbrag.placements WHERE ordinal = 0', /^I2/],
    ['a lost text', 'DELETE FROM dbrag.chunks', /^I2/],
    ['a lost vector', 'DELETE FROM dbrag.embeddings', /^I2 what is live has a vector/],
    ['a text that was changed', `UPDATE dbrag.chunks SET text = text || '!'`, /^I2/],
    [
      'a vector of no length',
      `UPDATE dbrag.embeddings SET embedding = ('[3' || repeat(',0', 1535) || ']')::halfvec`,
      /^I2/,
    ],
    ['tokens metered twice', 'UPDATE dbrag.usage_events SET embedding_tokens = embedding_tokens * 2', /^I7/],
    ['a chunk of nobody', 'DELETE FROM dbrag.documents', /^I8/],
    ['a row of another workspace', 'UPDATE dbrag.document_versions SET collection_id = gen_random_uuid()', /^I9/],
    ['a deletion that was not done', `UPDATE dbrag.documents SET status = 'deleting'`, /^I10/],
    [
      'a failure that no dead letter tells of',
      `UPDATE dbrag.document_versions SET status = 'failed', error = '{"code": "retries_exhausted"}'`,
      /^I5/,
    ],
    [
      'the vector of another text',
      `UPDATE dbrag.embeddings SET embedding = (SELECT ('[1' || repeat(',0', 1535) || ']')::halfvec)`,
      /^I2 a vector is that of its text/,
    ],
  ])('finds %s', async (_, sql, invariant) => {
    expect((await foundAfter(sql)).filter((found) => invariant.test(found))).not.toEqual([]);
  });

  it('finds a document that holds another text than was accepted, or ended otherwise', async () => {
    expect(await findAll({ ...accepted, content: `${content}\n\nMore.` })).toEqual([
      expect.stringContaining('I2 chunks are those of a fresh split'),
    ]);
    expect(await findAll({ ...accepted, fate: 'empty_file' })).toEqual([expect.stringContaining('I1 ends failed')]);
    expect(await findAll({ ...accepted, fate: 'deleted' })).toEqual([expect.stringContaining('I10')]);
    expect(await findAll({ ...accepted, source: 'file:///1' })).toHaveLength(2);
  });

  it('sees each change of the state that a replay must not change', async () => {
    const before = await stateOf(test.admin, workspaceId);
    expect(await stateOf(test.admin, workspaceId)).toBe(before);
    await test.admin.query('BEGIN');
    await test.admin.query('UPDATE dbrag.usage_events SET embedding_tokens = embedding_tokens + 1');
    expect(await stateOf(test.admin, workspaceId)).not.toBe(before);
    await test.admin.query('ROLLBACK');
  });

  it('finds keys of the cache that name nobody or stay for ever', async () => {
    const hash = createHash('sha256').update('x').digest('hex');
    const seconds: Readonly<Record<string, number>> = {
      [`emb:{${workspaceId}:00}:m:${hash}`]: 60,
      [`emb:{${workspaceId}:01}:m:${hash}`]: -1,
      [`emb:{00000000-0000-0000-0000-000000000000:00}:m:${hash}`]: 60,
    };
    const cache = {
      scan: async (): Promise<[string, string[]]> => ['0', Object.keys(seconds)],
      ttl: async (key: string) => seconds[key] ?? -2,
    };
    expect((await findCacheFaults(test.admin, cache)).map(({ invariant }) => invariant.slice(0, 3))).toEqual([
      'I14',
      'I9 ',
    ]);
  });
});
