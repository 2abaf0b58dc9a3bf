import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../shared/core/database.ts';
import { checkIntegrity, type Violation } from '../../shared/ingestion/check-integrity.ts';
import { checkIntegrityOnward, contentRounds } from '../../shared/ingestion/check-integrity-onward.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-model-server/server.ts';
import { findCacheFaults, findDatabaseFaults, findObjectFaults } from '../support/invariants.ts';
import { IngestionWorld } from './ingestion/ingestion-world.ts';

/** Ways to break what must hold, and what the checker must say to each. `$1` is the workspace. */
const damages: readonly (readonly [string, string])[] = [
  [
    'I1 every version has ended',
    `UPDATE dbrag.document_versions SET status = 'processing', deadline_at = now() WHERE version = 2`,
  ],
  ['I1 every job has ended', `UPDATE dbrag.jobs SET status = 'running' WHERE version = 2`],
  ['I1 a version and its job say the same', `UPDATE dbrag.jobs SET status = 'cancelled' WHERE version = 2`],
  ['I1 a document says what its versions are', `UPDATE dbrag.documents SET status = 'failed'`],
  [
    'I2 the live version is complete in its placements',
    'DELETE FROM dbrag.placements WHERE version = 2 AND ordinal = 0',
  ],
  [
    'I2 the live version is complete in its placements',
    'UPDATE dbrag.placements SET ordinal = 7 WHERE version = 2 AND ordinal = 1',
  ],
  ['I2 a live version is ready', `UPDATE dbrag.document_versions SET removed_at = now() WHERE version = 2`],
  ['I2 the newest ready version is the live one', 'UPDATE dbrag.documents SET live_version = 1'],
  ['I2 what is placed is there', 'DELETE FROM dbrag.chunks'],
  ['I2 what is live has a vector', 'DELETE FROM dbrag.embeddings'],
  [
    'I2 a vector has unit length',
    'UPDATE dbrag.embeddings SET embedding = array_fill(0.5::real, ARRAY[1536])::halfvec',
  ],
  ['I2 a text is what its hash says', `UPDATE dbrag.chunks SET text = text || '!'`],
  ['I7 tokens are metered once a vector', 'UPDATE dbrag.usage_events SET embedding_tokens = embedding_tokens + 1'],
  ['I7 tokens are metered once a vector', 'DELETE FROM dbrag.usage_events'],
  [
    'I8 a vector has a chunk',
    `UPDATE dbrag.embeddings SET content_hash = 'x' WHERE content_hash = (SELECT content_hash FROM dbrag.embeddings ORDER BY 1 LIMIT 1)`,
  ],
  [
    'I8 what is still to buy is live',
    `INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, token_count)
     SELECT workspace_id, id, 'x', 'm', collection_id, 'low', 1 FROM dbrag.documents`,
  ],
  ['I8 a removed version has left', 'UPDATE dbrag.document_versions SET removed_at = now() WHERE version = 1'],
  [
    'I8 a text stands somewhere, or its version is yet to leave',
    `WITH gone AS (DELETE FROM dbrag.placements WHERE version = 1) UPDATE dbrag.document_versions SET removed_at = now() WHERE version = 1`,
  ],
  [
    'I9 all rows of a document name its workspace and collection',
    'UPDATE dbrag.placements SET collection_id = dbrag.new_uuid()',
  ],
  [
    'I10 a deletion that was acknowledged is done',
    `UPDATE dbrag.documents SET status = 'deleting', deadline_at = now()`,
  ],
  ['S1 terms are counted over what is live', 'UPDATE dbrag.statistics_pending SET counts[1] = counts[1] + 1'],
  ['S2 chunks are counted over what is live', 'UPDATE dbrag.statistics_pending SET chunks = chunks + 1'],
];

/** What the nightly pass can say while work goes on. */
const nightly = [
  'I2 the live version is complete',
  'I2 a live version is ready',
  'I2 what is placed is there',
  'I2 what is live has a vector',
  'I2 a vector has unit length',
  'I2 a text is what its hash says',
  'I9 all rows of a document',
];

describe('the checker of invariants', () => {
  let test: TestDatabase;
  let models: FakeModelServer;
  let world: IngestionWorld;
  let workspaceId: string;
  beforeAll(async () => {
    test = await createTestDatabase();
    models = await startFakeModelServer();
    world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
    workspaceId = (await createWorkspace(test.application)).id;
    const collectionId = await createCollection(test.application, workspaceId);
    for (const food of ['grass', 'moss']) {
      const text = `## Home\n\n${'Llamas live high up. '.repeat(30)}\n\n## Food\n\n${`They eat ${food}. `.repeat(30)}`;
      await world.post(workspaceId, collectionId, text, { sourceUri: 'urn:llama' });
      await world.drain();
    }
  }, 60_000);
  afterAll(async () => {
    await models?.close();
    await test?.close();
  });

  it('finds nothing wrong with what is right', async () => {
    expect(await findDatabaseFaults(test.admin, { workspaceId })).toEqual([]);
    expect(await findDatabaseFaults(test.admin)).toEqual([]);
  });

  it.each(damages)('says: %s (%#)', async (invariant, damage) => {
    await test.admin.query('BEGIN');
    try {
      await test.admin.query(damage);
      const faults = await findDatabaseFaults(test.admin, { workspaceId });
      expect(faults.map((fault) => fault.invariant)).toContain(invariant);
    } finally {
      await test.admin.query('ROLLBACK');
    }
  });

  /** On every night of a month: content is looked at once in it. As the superuser, inside of the transaction that did the damage. */
  const nights = async (database: Pick<Database, 'inWorkspace'>, hasTime?: () => boolean): Promise<string[]> => {
    const found: string[] = [];
    const onFound = (violations: readonly Violation[]) => found.push(...violations.map(({ invariant }) => invariant));
    for (let night = 0; night < contentRounds; night += 1)
      await checkIntegrityOnward({ database: database as Database, onFound }, workspaceId, hasTime);
    return found;
  };
  const asAdmin: Pick<Database, 'inWorkspace'> = {
    inWorkspace: (_, work) =>
      work({
        query: async <Row>(text: string, values: readonly unknown[] = []) => {
          const { rows, rowCount } = await test.admin.query(text, [...values]);
          return { rows: rows as Row[], count: rowCount ?? 0 };
        },
      }),
  };
  const everyMoment = damages.filter(([invariant]) => nightly.some((words) => invariant.startsWith(words)));

  it('is asked by the nightly pass with the rights that it has, and says nothing of what is right', async () => {
    expect(await nights(test.maintainer)).toEqual([]);
    expect(everyMoment.length).toBeGreaterThanOrEqual(nightly.length);
  });

  it.each(everyMoment)('says in the nightly pass: %s (%#)', async (invariant, damage) => {
    await test.admin.query('BEGIN');
    try {
      await test.admin.query(damage);
      expect(await nights(asAdmin)).toContain(invariant);
    } finally {
      await test.admin.query('ROLLBACK');
    }
  });

  it('sees chunks without a document, in whichever range, once a night, and stops where a night has no time', async () => {
    await test.admin.query('BEGIN');
    try {
      await test.admin.query('SET LOCAL session_replication_role = replica');
      await test.admin.query('DELETE FROM dbrag.documents WHERE workspace_id = $1', [workspaceId]);
      expect((await nights(asAdmin)).filter((words) => words === 'I8 a chunk has a document').length).toBeGreaterThan(
        0,
      );
      expect(await nights(asAdmin, () => false)).toEqual([]);
    } finally {
      await test.admin.query('ROLLBACK');
    }
  });

  it('says which objects have no version, and which versions no object', async () => {
    const listing = (keys: readonly string[]) => ({
      list: async (prefix: string, after?: string) =>
        after === undefined
          ? keys.filter((key) => key.startsWith(prefix)).map((key) => ({ key, bytes: 1, modifiedAt: new Date(0) }))
          : [],
    });
    const keys = [...world.objects.bodies.keys()];
    expect(await findObjectFaults(test.admin, listing(keys))).toEqual([]);
    expect(await findObjectFaults(test.admin, listing([...keys, 'content/stray']))).toEqual([
      { invariant: 'I8 an object has a version', subject: 'content/stray' },
    ]);
    expect(await findObjectFaults(test.admin, listing(keys.slice(0, 1)))).toMatchObject([
      { invariant: 'I8 a live version has its object' },
    ]);
  });

  it('says which keys of the cache name nobody, or stay', async () => {
    const cache = (keys: Record<string, number>) => ({
      scan: async (): Promise<[string, string[]]> => ['0', Object.keys(keys)],
      ttl: async (key: string) => keys[key] as number,
    });
    expect(await findCacheFaults(test.admin, cache({ [`emb:{${workspaceId}:ab}:m:x`]: 900 }))).toEqual([]);
    const stays = `emb:{${workspaceId}:ab}:m:y`;
    expect(await findCacheFaults(test.admin, cache({ 'emb:{a}:x': 900, [stays]: -1 }))).toEqual([
      { invariant: 'I9 a key names its workspace', subject: 'emb:{a}:x' },
      { invariant: 'I14 a key leaves by itself', subject: `${stays} -1` },
    ]);
  });

  it('comes to every document, page by page', async () => {
    const other = (await createWorkspace(test.application)).id;
    const collectionId = await createCollection(test.application, other);
    for (const name of ['one', 'two', 'three']) {
      await world.post(other, collectionId, `Only ${name}.`);
      await world.drain();
    }
    await test.admin.query('BEGIN');
    try {
      await test.admin.query('DELETE FROM dbrag.embeddings WHERE workspace_id = $1', [other]);
      for (const documentsAtOnce of [1, 2, 3]) {
        const all = { upTo: null, isRead: () => true };
        const { violations: found } = await checkIntegrity(
          { database: asAdmin as Database, documentsAtOnce },
          other,
          all,
        );
        expect(new Set(found.map(({ subject }) => subject)).size).toBe(3);
        expect(found.filter(({ invariant }) => invariant === 'I2 what is live has a vector')).toHaveLength(3);
      }
    } finally {
      await test.admin.query('ROLLBACK');
    }
  });

  it('goes on where a night stopped, and begins a round anew when all was looked at', async () => {
    const other = (await createWorkspace(test.application)).id;
    const collectionId = await createCollection(test.application, other);
    for (const name of ['one', 'two', 'three', 'four', 'five']) await world.post(other, collectionId, `Only ${name}.`);
    await world.drain();
    const { rows: documents } = await test.admin.query(
      'SELECT id FROM dbrag.documents WHERE workspace_id = $1 ORDER BY id DESC',
      [other],
    );
    await test.admin.query('BEGIN');
    try {
      await test.admin.query('DELETE FROM dbrag.embeddings WHERE workspace_id = $1', [other]);
      const night = async (pages: number): Promise<string[]> => {
        const found: string[] = [];
        let left = pages;
        const onFound = (violations: readonly Violation[]) =>
          found.push(
            ...violations
              .filter(({ invariant }) => invariant === 'I2 what is live has a vector')
              .map(({ subject }) => subject.slice(0, 36)),
          );
        const ports = { database: asAdmin as Database, documentsAtOnce: 1, onFound };
        await checkIntegrityOnward(ports, other, () => left-- > 0);
        return found;
      };
      const ids = documents.map(({ id }) => id);
      expect(await night(2)).toEqual(ids.slice(0, 2));
      expect(await night(0)).toEqual([]);
      expect(await night(2)).toEqual(ids.slice(2, 4));
      // The last, and then the newest of the next round.
      expect(await night(3)).toEqual([ids[4], ids[0]]);
      const { rows } = await test.admin.query(
        'SELECT integrity_round FROM dbrag.corpus_statistics WHERE workspace_id = $1',
        [other],
      );
      expect(rows).toEqual([{ integrity_round: 1 }]);
    } finally {
      await test.admin.query('ROLLBACK');
    }
  });
});
