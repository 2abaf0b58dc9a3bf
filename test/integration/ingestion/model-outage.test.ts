import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';
import type { ModelSpace } from '../../../shared/ingestion/embed-chunks.ts';
import { holdsFallback } from '../../../shared/ingestion/fallback-space.ts';
import { explainJob } from '../../../shared/jobs/explain-job.ts';
import { listJobs } from '../../../shared/jobs/jobs.ts';
import { CircuitRows } from '../../../shared/models/circuit-rows.ts';
import { GuardedEmbedder } from '../../../shared/models/guarded-embedder.ts';
import { PaddedEmbedder } from '../../../shared/models/padded-embedder.ts';
import { RetryingEmbedder } from '../../../shared/models/retrying-embedder.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld } from './ingestion-world.ts';

const primary = 'text-embedding-3-small';
const second = 'text-embedding-3-large';
const minute = 60_000;

let test: TestDatabase;
let models: FakeModelServer;
let workspaceId: string;
let collectionId: string;
let opened: string[];

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
});
afterAll(async () => {
  await models.close();
  await test.close();
});
beforeEach(async () => {
  models.ledger.reset();
  models.faults.clear();
  opened = [];
  await test.admin.query('DELETE FROM dbrag.model_circuits');
  await test.admin.query('DELETE FROM dbrag.pending_embeddings');
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

/** What one execution environment makes of a model. */
function space(model: string, dimensions: number): ModelSpace {
  const provider = new OpenAiEmbedder({ apiKey: async () => 'key', baseUrl: models.baseUrl, model, dimensions });
  const guarded = new GuardedEmbedder(new PaddedEmbedder(provider, 1_536), {
    circuits: new CircuitRows(test.application),
    onOpen: (name, { fault }) => opened.push(`${name} ${fault}`),
  });
  return { embedder: new RetryingEmbedder(guarded), admission: () => guarded.admission() };
}

const environment = (withFallback = false) =>
  new IngestionWorld({
    database: test.application,
    modelUrl: models.baseUrl,
    space: space(primary, 1_536),
    ...(withFallback ? { fallback: space(second, 512) } : {}),
  });

const messageOf = (documentId: string) => ({
  v: 1,
  workspace_id: workspaceId,
  document_id: documentId,
  priority: 'default',
});

async function ingested(
  world: IngestionWorld,
  text: string,
  sourceUri: string | null = null,
  version = 1,
): Promise<string> {
  const { documentId } = await world.post(workspaceId, collectionId, text, { nudge: false, sourceUri });
  await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version, attempt: 1 });
  return documentId;
}

const embed = (world: IngestionWorld, ...documentIds: string[]) =>
  world.embedWithin(documentIds.map(messageOf), () => minute);

async function one<Row>(sql: string, values: unknown[] = []): Promise<Row> {
  return (await test.admin.query(sql, values)).rows[0] as Row;
}

async function statusOf(documentId: string): Promise<string> {
  return (await one<{ status: string }>('SELECT status FROM dbrag.documents WHERE id = $1', [documentId])).status;
}

async function spacesOf(documentId: string): Promise<Record<string, number>> {
  const { rows } = await test.admin.query<{ model: string; n: number }>(
    'SELECT model, count(*)::int AS n FROM dbrag.embeddings WHERE document_id = $1 GROUP BY model ORDER BY model',
    [documentId],
  );
  return Object.fromEntries(rows.map(({ model, n }) => [model, n]));
}

async function whyOf(documentId: string): Promise<string> {
  const page = await test.application.inWorkspace({ workspaceId }, (db) =>
    listJobs(db, workspaceId, { documentId }, { limit: 1, after: undefined }),
  );
  return explainJob(page.items[0] as never);
}

/** The time has passed that a circuit, and what it holds back, wait. */
async function pass(): Promise<void> {
  await test.admin.query('UPDATE dbrag.model_circuits SET next_call_at = now()');
  await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_until = NULL');
}

describe('a provider that refuses us', () => {
  it.each([
    ['401', 'The model provider refuses the key; an operator has to act.'],
    ['403', 'The model provider refuses access to the model; an operator has to act.'],
    ['404-model', 'The model provider does not know the model; an operator has to act.'],
    ['insufficient-quota', "The model provider's account has no quota left; an operator has to act."],
  ] as const)('with %s is asked by one process at a time; documents wait and say why', async (kind, reason) => {
    models.faults.setRules([{ kind, rate: 1 }]);
    const environments = [environment(), environment(), environment()];
    const documents = await Promise.all(
      ['One.', 'Two.', 'Three.', 'Four.'].map((text) => ingested(environments[0] as IngestionWorld, text)),
    );
    for (let round = 0; round < 5; round++) for (const world of environments) await embed(world, ...documents);
    expect(models.ledger.snapshot().requests.embeddings).toBe(1);
    for (const documentId of documents) {
      expect(await statusOf(documentId)).toBe('processing');
      expect(await whyOf(documentId)).toBe(`${reason} The document waits, and goes on by itself.`);
    }
    expect(opened).toEqual([`${primary} account`]);
    await pass();
    for (const world of environments) await embed(world, ...documents);
    expect(models.ledger.snapshot().requests.embeddings).toBe(2);
    models.faults.clear();
    await pass();
    await embed(environments[1] as IngestionWorld, ...documents);
    for (const documentId of documents) expect(await statusOf(documentId)).toBe('ready');
    expect(await one('SELECT opened_at, failures FROM dbrag.model_circuits')).toEqual({ opened_at: null, failures: 0 });
  });
});

describe('a provider that does not answer as it should', () => {
  it('is left alone after five failures, fails nothing, and is not slept past', async () => {
    models.faults.setRules([{ kind: '503', rate: 1 }]);
    const world = environment();
    const documents = await Promise.all(Array.from({ length: 6 }, (_, n) => ingested(world, `Text ${n}.`)));
    await embed(world, ...documents);
    const calls = models.ledger.snapshot().requests.embeddings;
    // And one for a word, whether a text is at fault.
    expect(calls).toBe(6);
    for (let round = 0; round < 20; round++) {
      await pass();
      await embed(environment(), ...documents);
    }
    // One call a probe.
    expect(models.ledger.snapshot().requests.embeddings).toBe(calls + 20);
    const { seconds, held } = await one<{ seconds: number; held: number | null }>(
      `SELECT extract(epoch FROM next_call_at - now())::float8 AS seconds,
         (SELECT max(extract(epoch FROM leased_until - now()))::float8 FROM dbrag.pending_embeddings) AS held FROM dbrag.model_circuits`,
    );
    expect(seconds).toBeLessThanOrEqual(8);
    // A word was the probe, so no text was leased for it.
    expect(held).toBeNull();
    expect(world.queue.sent.every(({ nudge }) => (nudge.delaySeconds ?? 0) <= 10)).toBe(true);
    models.faults.clear();
    await pass();
    const back = environment();
    await embed(back, ...documents);
    for (const documentId of documents) expect(await statusOf(documentId)).toBe('ready');
  });

  it('answers 429 with two minutes: all processes leave it alone for that long', async () => {
    models.faults.next('429', { 'retry-after': '120' }, 1);
    const [one_, other] = [environment(), environment()];
    const documents = [await ingested(one_, 'One.'), await ingested(one_, 'Two.')];
    await embed(one_, documents[0] as string);
    for (let round = 0; round < 3; round++) await embed(other, ...documents);
    expect(models.ledger.snapshot().requests.embeddings).toBe(1);
    expect(other.queue.sent.map(({ nudge }) => nudge.delaySeconds)).toSatisfy((delays: number[]) =>
      delays.every((delay) => delay > 100 && delay <= 122),
    );
  });
});

describe('an answer that does not arrive, or is not what was asked for', () => {
  const stored = async (documentId: string) => {
    const { rows } = await test.admin.query<{ text: string; embedding: string }>(
      'SELECT c.text, e.embedding::text FROM dbrag.chunks c JOIN dbrag.embeddings e USING (document_id, content_hash) WHERE document_id = $1',
      [documentId],
    );
    return rows.map(({ text, embedding }) => {
      const expected = models.vectors.vector(text, 1_536);
      const found = JSON.parse(embedding) as number[];
      return Math.max(...found.map((value, i) => Math.abs(value - (expected[i] as number)))) < 0.001;
    });
  };

  it.each([
    'reset-after-processing',
    'truncated-json',
    'shuffled',
    'missing-one',
    'extra-one',
    'duplicate-index',
    'wrong-dimension',
    'nan',
    'null-vector',
    'zero-vector',
  ] as const)('%s: asked again; each text has its own vector, and is metered once', async (kind) => {
    const world = environment();
    const text = ['rivers', 'lakes', 'seas']
      .map((topic) => `## ${topic}\n\n${`On ${topic}. `.repeat(60)}`)
      .join('\n\n');
    const documentId = await ingested(world, text);
    models.faults.next(kind, {}, 1);
    await embed(world, documentId);
    expect(await statusOf(documentId)).toBe('ready');
    const rights = await stored(documentId);
    expect(rights.length).toBeGreaterThan(0);
    expect(rights.every(Boolean)).toBe(true);
    const { metered, tokens } = await one<{ metered: string; tokens: string }>(
      `SELECT (SELECT sum(embedding_tokens) FROM dbrag.usage_events WHERE document_id = $1) AS metered,
         (SELECT sum(token_count) FROM dbrag.chunks WHERE document_id = $1) AS tokens`,
      [documentId],
    );
    expect(metered).toBe(tokens);
    expect(models.ledger.snapshot().requests.embeddings).toBe(kind === 'shuffled' ? 1 : 2);
  });

  it('rubbish for one text every time: its document fails, and no other', async () => {
    const world = environment();
    const bad = await ingested(world, '[[fault:nan]] spoilt');
    const good = await Promise.all(['Good one.', 'Good two.'].map((text) => ingested(world, text)));
    await embed(world, bad, ...good);
    for (const documentId of good) expect(await statusOf(documentId)).toBe('ready');
    expect(await one('SELECT status, error->>$2 AS code FROM dbrag.documents WHERE id = $1', [bad, 'code'])).toEqual({
      status: 'failed',
      code: 'bad_embedding',
    });
    expect(await spacesOf(bad)).toEqual({});
  });
});

describe('the fallback model', () => {
  const refused = () => models.faults.setRules([{ kind: '401', rate: 1, model: primary }]);

  it('answers for the first until that is back; then each chunk is in its own space again, and was metered in both', async () => {
    refused();
    const world = environment(true);
    const documentId = await ingested(world, 'Rivers run to the sea.');
    await embed(world, documentId);
    expect(await statusOf(documentId)).toBe('ready');
    expect(await spacesOf(documentId)).toEqual({ [second]: 1 });
    const holds = () => test.application.inWorkspace({ workspaceId }, (db) => holdsFallback(db, workspaceId, second));
    expect(await holds()).toBe(true);
    // Everything that comes while the first is away goes there too, without asking it.
    const later = await ingested(world, 'Lakes lie still.');
    await embed(world, later);
    expect(await statusOf(later)).toBe('ready');
    expect(models.ledger.snapshot().faults['401']).toBe(1);
    const nudge = world.queue.sent.at(-1);
    expect(nudge).toMatchObject({ queue: 'embed-default' });
    expect(nudge?.nudge.delaySeconds).toBeGreaterThan(20);

    models.faults.clear();
    await pass();
    await embed(environment(true), documentId, later);
    expect(await spacesOf(documentId)).toEqual({ [primary]: 1 });
    expect(await spacesOf(later)).toEqual({ [primary]: 1 });
    expect(await holds()).toBe(false);
    const { rows } = await test.admin.query(
      `SELECT u.model, count(*)::int AS n, bool_and(u.cost_usd > 0) AS priced FROM dbrag.usage_events u WHERE document_id = ANY($1) GROUP BY u.model ORDER BY u.model`,
      [[documentId, later]],
    );
    expect(rows).toEqual([
      { model: second, n: 2, priced: true },
      { model: primary, n: 2, priced: true },
    ]);
    const { embedded } = await one<{ embedded: number }>(
      'SELECT embedded FROM dbrag.document_versions WHERE document_id = $1',
      [documentId],
    );
    expect(embedded).toBe(1);
  });

  it('is not bought twice, however often messages come', async () => {
    refused();
    const worlds = [environment(true), environment(true)];
    const documentId = await ingested(worlds[0] as IngestionWorld, 'Once is enough.');
    for (let n = 0; n < 3; n++) await Promise.all(worlds.map((world) => embed(world, documentId)));
    expect(await spacesOf(documentId)).toEqual({ [second]: 1 });
    expect(models.ledger.purchases('Once is enough.')).toBe(1);
    const { n } = await one<{ n: number }>('SELECT count(*)::int AS n FROM dbrag.usage_events WHERE document_id = $1', [
      documentId,
    ]);
    expect(n).toBe(1);
  });

  it('lets a new version that is found in it be ready at once', async () => {
    refused();
    const world = environment(true);
    const uri = 'https://example.com/same';
    const documentId = await ingested(world, 'The same text.', uri);
    await embed(world, documentId);
    await world.post(workspaceId, collectionId, 'The same text.', { nudge: false, sourceUri: uri });
    const outcome = await world.ingest({
      v: 1,
      workspace_id: workspaceId,
      document_id: documentId,
      version: 2,
      attempt: 1,
    });
    expect(outcome).toBe('ready');
    expect(
      await one('SELECT status, reused FROM dbrag.document_versions WHERE document_id = $1 AND version = 2', [
        documentId,
      ]),
    ).toEqual({
      status: 'ready',
      reused: 1,
    });
  });

  it('does not stand in for a short outage, nor for one who asked for a moment', async () => {
    models.faults.setRules([{ kind: '503', rate: 1, model: primary }]);
    const world = environment(true);
    const documentId = await ingested(world, 'Patience.');
    await embed(world, documentId);
    expect(await spacesOf(documentId)).toEqual({});
    await test.admin.query(
      `UPDATE dbrag.model_circuits SET opened_at = now() - interval '30 seconds', next_call_at = now() + interval '5 seconds'`,
    );
    await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_until = NULL');
    await embed(world, documentId);
    expect(await spacesOf(documentId)).toEqual({ [second]: 1 });
  });

  it('down as well: chunks wait for whichever comes first', async () => {
    models.faults.setRules([{ kind: '401', rate: 1 }]);
    const world = environment(true);
    const documentId = await ingested(world, 'Both are away.');
    await embed(world, documentId);
    await embed(world, documentId);
    expect(await statusOf(documentId)).toBe('processing');
    expect(models.ledger.snapshot().requests.embeddings).toBe(2);
    models.faults.clear();
    await pass();
    await embed(world, documentId);
    expect(await statusOf(documentId)).toBe('ready');
  });
});

it('finds what waits in no unfinished version: the sweeper asks the database for it', async () => {
  models.faults.setRules([{ kind: '401', rate: 1, model: primary }]);
  const world = environment(true);
  const documentId = await ingested(world, 'Healed in the end.');
  await embed(world, documentId);
  const waiting = () =>
    test.application.inSystem((db) => db.query('SELECT * FROM dbrag.waiting_purchases(10)')).then(({ rows }) => rows);
  expect(await waiting()).toEqual([]);
  await test.admin.query(
    `UPDATE dbrag.pending_embeddings SET created_at = now() - interval '10 minutes', leased_until = NULL`,
  );
  const pool = { workspace_id: workspaceId, priority: 'default', document_id: documentId };
  expect(await waiting()).toEqual([{ ...pool, is_probed: true }]);
  await test.admin.query(`UPDATE dbrag.model_circuits SET next_call_at = now() - interval '2 minutes'`);
  expect(await waiting()).toEqual([{ ...pool, is_probed: false }]);
});
