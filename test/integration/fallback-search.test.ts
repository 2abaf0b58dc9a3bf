import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noCache } from '../../shared/core/cache.ts';
import { wholeWorkspace } from '../../shared/core/caller.ts';
import { systemClock } from '../../shared/core/clock.ts';
import type { Database } from '../../shared/core/database.ts';
import { fallbackStatement } from '../../shared/ingestion/fallback-space.ts';
import { QuestionEmbedder } from '../../shared/models/embed-question.ts';
import { type Embedder, openaiEmbeddingLimits } from '../../shared/models/embedder.ts';
import { EmbeddingCache } from '../../shared/models/embedding-cache.ts';
import { ModelError } from '../../shared/models/model-error.ts';
import { answerSearch, type SearchQuestion } from '../../shared/retrieval/answer-search.ts';
import { ResultCache } from '../../shared/retrieval/result-cache.ts';
import type { SearchMode } from '../../shared/retrieval/search.ts';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';

const dimensions = 8;
const first = 'text-embedding-3-small';
const second = 'text-embedding-3-large';
/** A vector at this angle to the question, in quarter turns. */
const at = (turn: number) => {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos((turn * Math.PI) / 2);
  vector[1] = Math.sin((turn * Math.PI) / 2);
  return vector;
};

class StubEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions = dimensions;
  readonly limits = openaiEmbeddingLimits;
  asked = 0;
  isDown = false;

  constructor(model: string) {
    this.model = model;
  }

  async embed(texts: readonly string[]) {
    this.asked += 1;
    if (this.isDown) throw new ModelError('outage', 'It does not answer.', { retryAfterSeconds: 3 });
    return { vectors: texts.map(() => at(0)), tokens: 5 };
  }
}

let test: TestDatabase;
let prepared: Database & { close(): Promise<void> };
beforeAll(async () => {
  test = await createTestDatabase({ dimensions, partitions: 2 });
  prepared = openTestDatabase(test.applicationUrl, { preparedStatements: true });
});
afterAll(async () => {
  await prepared.close();
  await test.close();
});

describe.each(['a direct connection', 'a proxy'])('while chunks are in a second space, over %s', (connection) => {
  let workspaceId: string;
  let collectionId: string;
  let embedders: { first: StubEmbedder; second: StubEmbedder };
  beforeEach(async () => {
    workspaceId = (await createWorkspace(test.application)).id;
    collectionId = await createCollection(test.application, workspaceId);
    embedders = { first: new StubEmbedder(first), second: new StubEmbedder(second) };
  });

  const add = (name: string, model: string, turn: number) =>
    createDocument(test.application, workspaceId, collectionId, {
      name,
      model,
      chunks: [{ text: `About ${name}.`, vector: at(turn) }],
    });
  const search = (mode: SearchMode, more: Partial<SearchQuestion> = {}) => {
    const database: Database = connection === 'a proxy' ? test.application : prepared;
    const questions = (embedder: Embedder) => new QuestionEmbedder(embedder, new EmbeddingCache(noCache, 60));
    const ports = {
      database,
      searches: new WorkspaceSearch(database),
      results: new ResultCache(noCache, 0),
      questions: questions(embedders.first),
      fallbackQuestions: questions(embedders.second),
      clock: systemClock,
    };
    const question = {
      workspaceId,
      narrowing: wholeWorkspace,
      apiKeyId: null,
      query: 'herons',
      mode,
      limit: 10,
      collectionIds: null,
      filter: null,
      includeText: true,
    };
    return answerSearch(ports, { ...question, ...more });
  };
  const ranks = ({ hits }: Awaited<ReturnType<typeof search>>) =>
    hits.map(({ documentName, scoring }) => [documentName, scoring.semanticRank]);

  it('looks in both, and meters both; a chunk of either may come first', async () => {
    await add('otters', first, 0.1);
    await add('beavers', first, 0.5);
    await add('herons', second, 0.2);
    const found = await search('semantic');
    expect(ranks(found).sort()).toEqual([
      ['beavers', 2],
      ['herons', 1],
      ['otters', 1],
    ]);
    expect(found).toMatchObject({ degraded: [], tokens: 10 });
    expect(found.hits.map(({ score }) => score)).toEqual([1 / 61, 1 / 61, 1 / 62]);
    const [best] = (await search('hybrid')).hits;
    expect(best).toMatchObject({ documentName: 'herons', scoring: { semanticRank: 1, keywordRank: 1 } });
    const { rows } = await test.admin.query(
      'SELECT model, sum(embedding_tokens)::int AS tokens FROM dbrag.usage_events WHERE workspace_id = $1 GROUP BY 1 ORDER BY 1',
      [workspaceId],
    );
    expect(rows).toEqual([
      { model: second, tokens: 10 },
      { model: first, tokens: 10 },
    ]);
  });

  it('asks the second model nothing once the space is empty, and nothing for another workspace', async () => {
    await add('otters', first, 0.1);
    const stranger = (await createWorkspace(test.application)).id;
    const strange = await createCollection(test.application, stranger);
    const chunks = [{ text: 'Herons of somebody else.', vector: at(0) }];
    await createDocument(test.application, stranger, strange, { model: second, chunks });
    expect(ranks(await search('hybrid'))).toEqual([['otters', 1]]);
    expect(embedders.second.asked).toBe(0);
    await add('herons', second, 0.2);
    expect((await search('hybrid')).hits).toHaveLength(2);
    await test.admin.query('DELETE FROM dbrag.embeddings WHERE workspace_id = $1 AND model = $2', [
      workspaceId,
      second,
    ]);
    await search('semantic');
    expect(embedders.second.asked).toBe(1);
  });

  it('goes on without the first model: by the second space and by words', async () => {
    await add('herons', first, 0);
    await add('egrets', second, 0.2);
    embedders.first.isDown = true;
    const found = await search('hybrid');
    expect(ranks(found).sort()).toEqual([
      ['egrets', 1],
      ['herons', null],
    ]);
    expect(found.degraded).toEqual(['embedding']);
    const near = await search('semantic');
    expect(ranks(near)).toEqual([['egrets', 1]]);
    expect(near.degraded).toEqual(['embedding']);
    embedders.second.isDown = true;
    expect(ranks(await search('hybrid'))).toEqual([['herons', null]]);
    await expect(search('semantic')).rejects.toMatchObject({ code: 'model_unavailable', retryAfterSeconds: 3 });
    embedders.first.isDown = false;
    expect(await search('hybrid')).toMatchObject({ degraded: ['embedding'], hits: [{ documentName: 'herons' }] });
  });

  it('answers by the space of the model before, from when the first model was changed', async () => {
    for (const [n, name] of ['herons', 'egrets'].entries()) await add(name, second, 0.1 * n);
    const { rows } = await test.admin.query('SELECT FROM dbrag.pending_embeddings WHERE workspace_id = $1', [
      workspaceId,
    ]);
    expect(rows).toEqual([]);
    expect(ranks(await search('semantic'))).toEqual([
      ['herons', 1],
      ['egrets', 2],
    ]);
  });

  it('shows a narrowed caller what it may see', async () => {
    await add('herons', second, 0);
    const other = await createCollection(test.application, workspaceId, 'other');
    expect((await search('hybrid', { narrowing: { ...wholeWorkspace, collectionIds: [other] } })).hits).toEqual([]);
    expect(
      (await search('hybrid', { narrowing: { ...wholeWorkspace, collectionIds: [collectionId] } })).hits,
    ).toHaveLength(1);
  });

  it('counts a chunk once that is seen in both spaces while it moves', async () => {
    const documentId = await add('herons', first, 0.3);
    await test.admin.query(
      `INSERT INTO dbrag.embeddings (workspace_id, document_id, content_hash, model, collection_id, embedding)
       SELECT workspace_id, document_id, content_hash, $2, collection_id, embedding FROM dbrag.embeddings WHERE document_id = $1`,
      [documentId, second],
    );
    expect(ranks(await search('semantic'))).toEqual([['herons', 1]]);
  });
});

it('knows what a space holds by its index, however common the planner thinks its model to be', async () => {
  const workspaceId = (await createWorkspace(test.application)).id;
  const collectionId = await createCollection(test.application, workspaceId);
  for (let document = 0; document < 10; document++)
    await createDocument(test.application, workspaceId, collectionId, {
      chunks: Array.from({ length: 100 }, (_, n) => ({ text: `${document} ${n}`, vector: at(0.001 * n) })),
    });
  await test.admin.query('ANALYZE dbrag.embeddings');
  const ask = prepared.ask as NonNullable<Database['ask']>;
  const { rows } = await ask<{ 'QUERY PLAN': string }>(
    { workspaceId },
    `EXPLAIN ${fallbackStatement}`,
    [workspaceId, second],
    { byIndex: true },
  );
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/Index Cond: \(\(workspace_id = .*\) AND \(model >= .*\) AND \(model <= /);
  expect(plan).not.toMatch(/Seq Scan|_pkey/);
});
