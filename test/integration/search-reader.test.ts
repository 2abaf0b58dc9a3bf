import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noCache } from '../../shared/core/cache.ts';
import { wholeWorkspace } from '../../shared/core/caller.ts';
import { systemClock } from '../../shared/core/clock.ts';
import type { Database } from '../../shared/core/database.ts';
import { newUuid } from '../../shared/core/ids.ts';
import { beginCollectionDeletion } from '../../shared/ingestion/delete-collection.ts';
import { beginDeletion } from '../../shared/ingestion/delete-document.ts';
import { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import { openaiEmbeddingLimits } from '../../shared/models/embedder.ts';
import { EmbeddingCache } from '../../shared/models/embedding-cache.ts';
import { answerSearch, type SearchQuestion } from '../../shared/retrieval/answer-search.ts';
import { ResultCache } from '../../shared/retrieval/result-cache.ts';
import { type ReaderOutcome, SearchReader } from '../../shared/retrieval/search-reader.ts';
import { mostCompared } from '../../shared/retrieval/search-state.ts';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../support/database-content.ts';
import { Standby } from '../support/standby.ts';

const { LOCAL_DATABASE_URL: primaryUrl, LOCAL_STANDBY_URL: standbyUrl } = process.env;
const dimensions = 8;
const vector = Float32Array.from({ length: dimensions }, (_, at) => (at === 0 ? 1 : 0));
const embedder = {
  model: testModel,
  dimensions,
  limits: openaiEmbeddingLimits,
  embed: async (texts: readonly string[]) => ({ vectors: texts.map(() => vector), tokens: 5 }),
};

// Real replication: `native-engines.sh standby` prints both variables.
describe.skipIf(!primaryUrl || !standbyUrl)('searches in a reader that lags', () => {
  let test: TestDatabase;
  let standby: Standby;
  let readerUrl: string;
  let reader: Database & { close(): Promise<void> };
  let workspaceId: string;
  let collectionId: string;
  let outcomes: ReaderOutcome[];
  let ports: Parameters<typeof answerSearch>[0];

  beforeAll(async () => {
    test = await createTestDatabase({ dimensions, partitions: 2 });
    standby = await Standby.connect(standbyUrl ?? '', primaryUrl ?? '');
    await standby.catchUp();
    readerUrl = standby.urlOf(test.applicationUrl);
    reader = openTestDatabase(readerUrl, { max: 2 });
  });
  afterAll(async () => {
    await reader?.close();
    await standby?.close();
    await test?.close();
  });
  beforeEach(async () => {
    workspaceId = (await createWorkspace(test.application)).id;
    collectionId = await createCollection(test.application, workspaceId);
    await add('otters');
    await add('herons');
    await standby.catchUp();
    ports = portsWith(reader);
  });
  afterEach(() => standby.catchUp());

  function portsWith(database: Database) {
    outcomes = [];
    const searchReader = new SearchReader(database, systemClock, (outcome) => outcomes.push(outcome));
    return {
      database: test.application,
      searches: new WorkspaceSearch(test.application, undefined, searchReader),
      results: new ResultCache(noCache, 60),
      questions: new QuestionEmbedder(embedder, new EmbeddingCache(noCache, 60)),
      fallbackQuestions: null,
      clock: systemClock,
    };
  }
  const inWorkspace = <T>(work: Parameters<Database['inWorkspace']>[1]) =>
    test.application.inWorkspace({ workspaceId }, work) as Promise<T>;
  /** As a commit of an ingestion does: what becomes visible and the generation in one transaction. */
  const add = async (name: string, collection = collectionId) => {
    const chunks = [{ text: `About ${name}.`, vector }];
    const id = await createDocument(test.application, workspaceId, collection, { name, chunks });
    await inWorkspace((db) =>
      db.query('UPDATE dbrag.collections SET generation = generation + 1 WHERE workspace_id = $1 AND id = $2', [
        workspaceId,
        collection,
      ]),
    );
    return id;
  };
  const found = async (more: Partial<SearchQuestion> = {}) => {
    const question = {
      workspaceId,
      narrowing: wholeWorkspace,
      apiKeyId: null,
      query: 'herons',
      mode: 'hybrid',
      limit: 10,
      collectionIds: null,
      filter: null,
      includeText: true,
    } as const;
    const { hits } = await answerSearch(ports, { ...question, ...more });
    return hits.map(({ documentName }) => documentName).sort();
  };
  const documentNamed = async (name: string): Promise<string> => {
    const { rows } = await test.admin.query('SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND name = $2', [
      workspaceId,
      name,
    ]);
    return rows[0].id;
  };

  it.each(['hybrid', 'semantic', 'keyword'] as const)('finds there what is found here: %s', async (mode) => {
    const here = await found({ mode });
    expect(outcomes).toEqual(['answered']);
    ports = { ...ports, searches: new WorkspaceSearch(test.application) };
    expect(await found({ mode })).toEqual(here);
    expect(here).toContain('herons');
  });

  it('goes the short way where the connection keeps statements, and no further than the database has come', async () => {
    const prepared = openTestDatabase(readerUrl, { preparedStatements: true });
    let [short, long] = [0, 0];
    const counted: Database = {
      ...prepared,
      ask: (...parts) => {
        short += 1;
        return (prepared.ask as NonNullable<Database['ask']>)(...parts);
      },
      inWorkspace: (...parts) => {
        long += 1;
        return prepared.inWorkspace(...parts);
      },
    };
    for (const partition of ['00', '01'])
      await test.admin.query(
        `CREATE INDEX IF NOT EXISTS short_${partition} ON dbrag.embeddings_${partition} USING hnsw (embedding halfvec_cosine_ops) WHERE model = '${testModel}'`,
      );
    await test.admin.query('UPDATE dbrag.corpus_statistics SET chunks = 1000000 WHERE workspace_id = $1', [
      workspaceId,
    ]);
    await standby.catchUp();
    ports = portsWith(counted);
    for (const mode of ['hybrid', 'semantic'] as const)
      expect(await found({ mode, limit: 2 })).toEqual(['herons', 'otters']);
    expect([short, long, outcomes]).toEqual([2, 0, ['answered', 'answered']]);
    await standby.pause();
    const id = await documentNamed('herons');
    await inWorkspace((db) => beginDeletion(db, { clock: systemClock }, workspaceId, id, 'test'));
    expect(await found({ limit: 2, mode: 'semantic', query: 'otters' })).toEqual(['otters']);
    expect([short, long, outcomes.at(-1)]).toEqual([3, 1, 'behind']);
    await prepared.close();
  });

  it('shows no document that was deleted, however far behind the reader is, nor keeps it', async () => {
    await found();
    await standby.pause();
    const id = await documentNamed('herons');
    await inWorkspace((db) => beginDeletion(db, { clock: systemClock }, workspaceId, id, 'test'));
    expect(await found()).toEqual(['otters']);
    expect(await found()).toEqual(['otters']);
    expect(outcomes).toEqual(['answered', 'behind']);
    await standby.catchUp();
    expect(await found({ limit: 9 })).toEqual(['otters']);
    expect(outcomes.at(-1)).toBe('answered');
  });

  it('shows a document as soon as it is ready', async () => {
    await standby.pause();
    await add('beavers');
    expect(await found()).toEqual(['beavers', 'herons', 'otters']);
    expect(outcomes).toEqual(['behind']);
  });

  it('shows no collection that was deleted, while it goes and when it is gone', async () => {
    const other = await createCollection(test.application, workspaceId, 'other');
    await add('secrets', other);
    await standby.catchUp();
    expect(await found()).toContain('secrets');
    await standby.pause();
    await inWorkspace((db) => beginCollectionDeletion(db, { clock: systemClock }, workspaceId, other, 'test'));
    expect(await found({ limit: 9 })).toEqual(['herons', 'otters']);
    await test.admin.query(
      `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM dbrag.collections WHERE id = '${other}'; COMMIT`,
    );
    expect(await found({ limit: 8 })).toEqual(['herons', 'otters']);
    expect(outcomes).toEqual(['answered', 'behind', 'behind']);
  });

  it('shows nothing of before permissions changed', async () => {
    await standby.pause();
    await inWorkspace((db) =>
      db.query('UPDATE dbrag.workspaces SET generation = generation + 1 WHERE id = $1', [workspaceId]),
    );
    await found();
    expect(outcomes).toEqual(['behind']);
  });

  it('keeps a caller within its narrowing, which needs no replaying', async () => {
    const other = await createCollection(test.application, workspaceId, 'other');
    await add('secrets', other);
    await standby.catchUp();
    const narrowing = { collectionIds: [collectionId], connectionIds: null };
    expect(await found({ narrowing })).toEqual(['herons', 'otters']);
    expect(outcomes).toEqual(['answered']);
  });

  it('answers when what it lacks is nothing that was asked for', async () => {
    const other = await createCollection(test.application, workspaceId, 'other');
    await standby.catchUp();
    await standby.pause();
    await add('beavers', other);
    expect(await found({ collectionIds: [collectionId] })).toEqual(['herons', 'otters']);
    expect(await found({ collectionIds: [other] })).toEqual(['beavers']);
    expect(outcomes).toEqual(['answered', 'behind']);
  });

  it('answers when it is further than the database was', async () => {
    const late = new Proxy(reader, {
      get: (target, name) =>
        name === 'inWorkspace'
          ? async (...parts: Parameters<Database['inWorkspace']>) => {
              await add('beavers');
              await standby.catchUp();
              return target.inWorkspace(...parts);
            }
          : Reflect.get(target, name),
    });
    ports = portsWith(late);
    expect(await found()).toEqual(['beavers', 'herons', 'otters']);
    expect(outcomes).toEqual(['answered']);
  });

  it('writes what was bought for a question in the database, once', async () => {
    await found();
    await standby.pause();
    await add('beavers');
    await found({ query: 'beavers' });
    expect(outcomes).toEqual(['answered', 'behind']);
    const { rows } = await test.admin.query(
      'SELECT count(*)::int AS events, sum(embedding_tokens)::int AS tokens FROM dbrag.usage_events WHERE workspace_id = $1',
      [workspaceId],
    );
    expect(rows).toEqual([{ events: 2, tokens: 10 }]);
  });

  it('is passed over where there is more to compare than a search is worth', async () => {
    await test.admin.query(
      `INSERT INTO dbrag.collections (workspace_id, id, name, chunking)
       SELECT $1, gen_random_uuid(), 'many ' || n, '{"max_tokens": 400, "overlap_tokens": 0}' FROM generate_series(1, $2::integer) AS n`,
      [workspaceId, mostCompared],
    );
    expect(await found()).toEqual(['herons', 'otters']);
    expect(outcomes).toEqual([]);
    await standby.catchUp();
    expect(await found({ collectionIds: [collectionId] })).toEqual(['herons', 'otters']);
    expect(outcomes).toEqual(['answered']);
  });

  it('is left alone for a while after it failed, and the caller does not notice', async () => {
    const dead = new URL(readerUrl);
    dead.port = '1';
    const nobody = openTestDatabase(dead.href);
    ports = portsWith(nobody);
    expect(await found()).toEqual(['herons', 'otters']);
    expect(await found()).toEqual(['herons', 'otters']);
    expect(outcomes).toEqual(['failed']);
    await nobody.close();
  });

  it('says what the caller got wrong, and asks nobody else', async () => {
    const missing = newUuid();
    await expect(found({ collectionIds: [missing] })).rejects.toMatchObject({ code: 'not_found' });
    expect(outcomes).toEqual([]);
  });
});
