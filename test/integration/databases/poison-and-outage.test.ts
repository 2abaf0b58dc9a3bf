import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../../shared/databases/connections.ts';
import { embedForgotten } from '../../../shared/databases/embed-forgotten.ts';
import { insertExample } from '../../../shared/databases/sql-knowledge.ts';
import { noBudget } from '../../../shared/limits/token-budget.ts';
import { BudgetedEmbedder } from '../../../shared/models/budgeted-embedder.ts';
import { CircuitRows } from '../../../shared/models/circuit-rows.ts';
import type { Embedder } from '../../../shared/models/embedder.ts';
import { GuardedEmbedder } from '../../../shared/models/guarded-embedder.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { retryPolicy } from '../../../shared/models/retry.ts';
import { RetryingEmbedder } from '../../../shared/models/retrying-embedder.ts';
import { CatalogWorld } from './catalog-world.ts';

const dayMilliseconds = 86_400_000;
const providerFails = () => new ModelError('transient', 'The model provider answers with 500.', { status: 500 });

/** Retries of one text open the circuit as an outage does: nights with everything around the model that a function has around it. */
describe('a text that the provider always fails at', () => {
  let world: CatalogWorld;
  let connection: Connection;
  beforeAll(async () => {
    world = await CatalogWorld.start();
  }, 90_000);
  afterAll(() => world?.close());
  beforeEach(async () => {
    await world.database.admin.query('DELETE FROM dbrag.connections; DELETE FROM dbrag.model_circuits');
    connection = await world.connect();
    world.embedder.fault = () => {};
    world.embedder.requests.length = 0;
  });

  /** What one execution environment makes of a model. */
  const around = (provider: Embedder): Embedder => {
    const guarded = new GuardedEmbedder(provider, { circuits: new CircuitRows(world.database.application) });
    const budgeted = new BudgetedEmbedder(guarded, noBudget, 100_000);
    return new RetryingEmbedder(budgeted, { ...retryPolicy, random: () => 0 });
  };
  /** @returns what became of it, and what the provider was asked */
  const night = async (day: number) => {
    world.embedder.requests.length = 0;
    const embedder = around(world.embedder);
    const start = Date.now() + day * dayMilliseconds;
    const ports = { database: world.database.application, embedder, now: () => start };
    const result = await embedForgotten(ports, world.workspaceId, () => true);
    return { ...result, asked: world.embedder.requests.map((texts) => texts.join()) };
  };
  const failAt = (word: string) => {
    world.embedder.fault = (texts) => {
      if (texts.some((text) => text.includes(word))) throw providerFails();
    };
  };
  const addExample = (question: string) =>
    world.inWorkspace((db) =>
      insertExample(db, world.workspaceId, connection.id, { question, sql: 'SELECT 1', createdBy: 'test' }, null),
    );
  const examples = async () =>
    (
      await world.database.admin.query(
        `SELECT question, embedding IS NOT NULL AS embedded, refusal ->> 'times' AS times FROM dbrag.sql_examples ORDER BY id`,
      )
    ).rows.map(({ question, embedded, times }) => [question, embedded, times]);
  const five = (text: string) => Array<string>(5).fill(text);

  it('keeps no other from its vector, on any night, and is asked for behind them on the next', async () => {
    await addExample('poison');
    await addExample('sound');
    failAt('poison');
    expect(await night(0)).toEqual({
      embedded: 1,
      failure: null,
      asked: [...five('poison,sound'), 'water', ...five('poison'), 'water', 'sound'],
    });
    expect(await examples()).toEqual([
      ['poison', false, '0'],
      ['sound', true, null],
    ]);
    for (const day of [1, 2]) {
      await addExample('good');
      const asked = ['good', ...five('poison'), 'water'];
      expect(await night(day), `night ${day}`).toEqual({ embedded: 1, failure: null, asked });
    }
    world.embedder.fault = () => {};
    expect(await night(3)).toEqual({ embedded: 1, failure: null, asked: ['poison'] });
    expect((await examples()).map(([, ...known]) => known)).toEqual(Array(4).fill([true, null]));
  });

  it('does not keep the refresh of its catalog from ending', async () => {
    await world.customer('CREATE TABLE apples (id int); CREATE TABLE pears (id int)');
    const { embed } = world.embedder;
    const guarded = around(Object.create(world.embedder, { embed: { value: embed } }));
    failAt('apples');
    try {
      world.embedder.embed = (texts, options) => guarded.embed(texts, options);
      expect(await world.refresh(connection)).toMatchObject({ status: 'succeeded' });
    } finally {
      world.embedder.embed = embed;
    }
    const { rows } = await world.database.admin.query(
      `SELECT name, embedding IS NOT NULL AS embedded, refusal ->> 'times' AS times FROM dbrag.catalog_tables ORDER BY name`,
    );
    expect(rows).toMatchObject([
      { embedded: false, times: '0' },
      { embedded: true, times: null },
    ]);
  });

  it('is told from an outage, which costs one request a night and one word, and marks nothing', async () => {
    await addExample('poison');
    await addExample('sound');
    failAt('');
    for (const day of [0, 1]) {
      const { embedded, failure, asked } = await night(day);
      expect([embedded, failure?.error.kind, failure?.texts], `night ${day}`).toEqual([0, 'outage', 2]);
      // The circuit is still open in the second.
      expect(asked).toEqual([...(day === 0 ? five('poison,sound') : ['poison,sound']), 'water']);
      expect((await examples()).map(([, , times]) => times)).toEqual([null, null]);
    }
    world.embedder.fault = () => {};
    await world.database.admin.query('DELETE FROM dbrag.model_circuits');
    expect(await night(2)).toEqual({ embedded: 2, failure: null, asked: ['poison,sound'] });
  });
});
