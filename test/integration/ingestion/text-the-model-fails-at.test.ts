import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';
import { CircuitRows } from '../../../shared/models/circuit-rows.ts';
import type { Embedder, EmbedOptions } from '../../../shared/models/embedder.ts';
import { GuardedEmbedder } from '../../../shared/models/guarded-embedder.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { retryPolicy } from '../../../shared/models/retry.ts';
import { RetryingEmbedder } from '../../../shared/models/retrying-embedder.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld } from './ingestion-world.ts';

/** Documents with everything around the model that a function has around it. Retries of one text open its circuit as an outage does. */
describe('a text that the provider always fails at', () => {
  let test: TestDatabase;
  let models: FakeModelServer;
  let workspaceId: string;
  let collectionId: string;
  let opened: string[];
  let requests: string[];
  beforeAll(async () => {
    test = await createTestDatabase();
    models = await startFakeModelServer();
  }, 90_000);
  afterAll(async () => {
    await models?.close();
    await test?.close();
  });
  beforeEach(async () => {
    models.ledger.reset();
    models.faults.clear();
    [opened, requests] = [[], []];
    await test.admin.query('DELETE FROM dbrag.model_circuits; DELETE FROM dbrag.pending_embeddings');
    workspaceId = (await createWorkspace(test.application)).id;
    collectionId = await createCollection(test.application, workspaceId);
  });

  /** One execution environment. */
  const environment = (embed?: (texts: readonly string[], options: EmbedOptions) => void) => {
    const baseUrl = models.baseUrl;
    const settings = { apiKey: async () => 'key', baseUrl, model: 'text-embedding-3-small', dimensions: 1_536 };
    const provider = new OpenAiEmbedder(settings);
    const noting: Embedder = {
      model: provider.model,
      dimensions: provider.dimensions,
      limits: provider.limits,
      embed: async (texts, options) => {
        requests.push([...texts].sort().join());
        embed?.(texts, options);
        return provider.embed(texts, options);
      },
    };
    const circuits = new CircuitRows(test.application);
    const guarded = new GuardedEmbedder(noting, { circuits, onOpen: (_, { fault }) => opened.push(fault) });
    const embedder = new RetryingEmbedder(guarded, { ...retryPolicy, random: () => 0 });
    const space = { embedder, admission: () => guarded.admission() };
    return new IngestionWorld({ database: test.application, modelUrl: baseUrl, space });
  };
  const ingested = async (world: IngestionWorld, text: string, sourceUri: string | null = null): Promise<string> => {
    const { documentId, version } = await world.post(workspaceId, collectionId, text, { nudge: false, sourceUri });
    await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version, attempt: 1 });
    return documentId;
  };
  const embed = (world: IngestionWorld, ...documentIds: string[]) => {
    const messages = documentIds.map((id) => ({
      v: 1,
      workspace_id: workspaceId,
      document_id: id,
      priority: 'default',
    }));
    return world.embedWithin(messages, () => 120_000);
  };
  const statusesOf = async (...documentIds: string[]) => {
    const { rows } = await test.admin.query<{ id: string; status: string }>('SELECT id, status FROM dbrag.documents');
    return documentIds.map((documentId) => rows.find(({ id }) => id === documentId)?.status);
  };
  const pending = async () =>
    (
      await test.admin.query(
        `SELECT failures, tries, round(extract(epoch FROM leased_until - now()))::int AS seconds FROM dbrag.pending_embeddings`,
      )
    ).rows;
  const circuit = async () =>
    (await test.admin.query('SELECT opened_at, failures, openings FROM dbrag.model_circuits')).rows[0];
  const closed = { opened_at: null, failures: 0, openings: 0 };
  const letPass = async () => {
    requests.length = 0;
    await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_until = now()');
  };
  const poison = '[[fault:500]] spoilt';
  const times = (count: number, request: string) => Array<string>(count).fill(request);

  it('keeps no neighbour from being ready, travels alone from then on, and fails its document at last', async () => {
    const world = environment();
    const bad = await ingested(world, poison);
    const good = [await ingested(world, 'Good one.'), await ingested(world, 'Good two.')];
    await embed(world, bad, ...good);
    expect(await statusesOf(bad, ...good)).toEqual(['processing', 'ready', 'ready']);
    expect(await pending()).toMatchObject([{ failures: 1, tries: 0 }]);
    expect([opened, await circuit()]).toEqual([['outage'], closed]);
    expect(requests.filter((request) => request === 'water').length).toBeLessThanOrEqual(4);

    // Whatever comes later does not meet it, in whatever message.
    await letPass();
    const later = await ingested(world, 'Good three.');
    const next = environment();
    await embed(next, bad, later);
    expect(await statusesOf(bad, later)).toEqual(['processing', 'ready']);
    expect(requests).toEqual(['Good three.', ...times(3, poison), 'water']);
    // Its own next turn is all that is announced.
    expect(next.queue.sent.map(({ nudge }) => nudge.delaySeconds)).toEqual([61]);

    const waits = [(await pending())[0]?.seconds];
    for (const failures of [3, 4]) {
      await letPass();
      // A message of the pool is enough.
      const other = await ingested(world, `Good ${failures}.`);
      await embed(environment(), other);
      expect(requests).toEqual([`Good ${failures}.`, ...times(3, poison), 'water']);
      const [row] = await pending();
      expect(row).toMatchObject({ failures, tries: 0 });
      waits.push(row?.seconds);
    }
    expect(waits.map((seconds) => Math.round(Number(seconds) / 10) * 10)).toEqual([60, 120, 240]);
    // None of these opened the circuit for others.
    expect([opened, await circuit()]).toEqual([['outage'], closed]);
    await letPass();
    await embed(environment(), bad);
    const { rows } = await test.admin.query('SELECT status, error FROM dbrag.documents WHERE id = $1', [bad]);
    expect(rows).toEqual([
      {
        status: 'failed',
        error: {
          code: 'bad_embedding',
          message: expect.stringMatching(/the model failed at it 5 times, and answered others\. .*500/),
        },
      },
    ]);
    expect(await pending()).toEqual([]);
    expect([opened, await circuit()]).toEqual([['outage'], closed]);
  });

  it('has a message for when it is due, and does not keep one going round until then', async () => {
    const world = environment();
    const bad = await ingested(world, poison);
    await embed(world, bad);
    expect(world.queue.sent.map(({ nudge }) => nudge.delaySeconds).at(-1)).toBe(31);
    const sent = world.queue.sent.length;
    await letPass();
    await test.admin.query(`UPDATE dbrag.pending_embeddings SET leased_until = now() + interval '10 seconds'`);
    await embed(world, bad);
    expect([requests, world.queue.sent.length]).toEqual([[], sent]);
  });

  it('is ready when the failures pass', async () => {
    const world = environment();
    const bad = await ingested(world, '[[fault:500:times=12]] for a while');
    const good = await ingested(world, 'Good.');
    await embed(world, bad, good);
    expect(await statusesOf(bad, good)).toEqual(['processing', 'ready']);
    await letPass();
    await embed(world, bad);
    expect(await statusesOf(bad)).toEqual(['ready']);
    expect(await pending()).toEqual([]);
  });

  it('is asked for alone when a version contains it again after it was given up', async () => {
    const uri = 'https://example.com/same';
    await embed(environment(), await ingested(environment(), 'Same.', uri));
    // As a move to another model leaves the text of a live version.
    await test.admin.query(
      `INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, token_count, failures, leased_until)
       SELECT workspace_id, document_id, content_hash, model, collection_id, 'default', 2, 5, 'infinity' FROM dbrag.embeddings WHERE workspace_id = $1`,
      [workspaceId],
    );
    await test.admin.query('DELETE FROM dbrag.embeddings WHERE workspace_id = $1', [workspaceId]);
    const world = environment((texts) => {
      if (texts.includes('Same.')) throw new ModelError('transient', 'It fails.', { status: 500 });
    });
    const again = await ingested(world, 'Same.', uri);
    const good = await ingested(world, 'Good.');
    requests.length = 0;
    await embed(world, again, good);
    expect(requests).toEqual(['Good.', ...times(3, 'Same.'), 'water']);
    expect(await statusesOf(good)).toEqual(['ready']);
    expect(await pending()).toMatchObject([{ failures: 2 }]);
  });

  it('is found while there is time where the provider is silent about it', async () => {
    const deadlines: number[] = [];
    const world = environment((texts, { deadline, isDoubted }) => {
      if (!texts.some((text) => text.includes('silence'))) return;
      deadlines.push((deadline - Date.now()) / 1_000);
      // It took all the time that it was given.
      throw new ModelError('transient', 'The model provider did not answer in time.', {
        retryAfterSeconds: isDoubted ? 0 : 100,
      });
    });
    const bad = await ingested(world, 'silence');
    const good = await ingested(world, 'Good.');
    await embed(world, bad, good);
    expect(await statusesOf(bad, good)).toEqual(['processing', 'ready']);
    const [first, ...doubted] = deadlines;
    // Of the 105 seconds that there are.
    expect(first).toBeLessThanOrEqual(65);
    expect(Math.max(...doubted)).toBeLessThanOrEqual(10);
  });

  it('is told from an outage, which marks and fails nothing, and is probed with a word', async () => {
    models.faults.setRules([{ kind: '500', rate: 1 }]);
    const world = environment();
    const documents = [await ingested(world, 'Good one.'), await ingested(world, 'Good two.')];
    await embed(world, ...documents);
    expect(requests).toEqual([...times(5, 'Good one.,Good two.'), 'water']);
    for (let round = 0; round < 8; round++) {
      await letPass();
      await test.admin.query('UPDATE dbrag.model_circuits SET next_call_at = now()');
      await embed(environment(), ...documents);
      expect(requests).toEqual(['water']);
    }
    expect(await statusesOf(...documents)).toEqual(['processing', 'processing']);
    expect(await pending()).toMatchObject(Array(2).fill({ failures: 0, tries: 0 }));
    models.faults.clear();
    await letPass();
    await test.admin.query('UPDATE dbrag.model_circuits SET next_call_at = now()');
    await embed(environment(), ...documents);
    expect(requests).toEqual(['water', 'Good one.,Good two.']);
    expect(await statusesOf(...documents)).toEqual(['ready', 'ready']);
  });
});
