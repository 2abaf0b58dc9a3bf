import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuid } from '../../../shared/core/ids.ts';
import { describeByHand } from '../../../shared/databases/catalog.ts';
import type { Connection } from '../../../shared/databases/connections.ts';
import { type EmbeddedForgotten, embedForgotten } from '../../../shared/databases/embed-forgotten.ts';
import { insertExample, insertTerm } from '../../../shared/databases/sql-knowledge.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { CatalogWorld, modelIsAway } from './catalog-world.ts';

const dayMilliseconds = 86_400_000;
const hours = 3_600_000;
const minutes = 60_000;

/** What becomes of texts about databases that have no vector: at night, and when a catalog is refreshed. */
describe('texts without a vector', () => {
  let world: CatalogWorld;
  let connection: Connection;
  beforeAll(async () => {
    world = await CatalogWorld.start();
    await world.customer('CREATE TABLE apples (id int); CREATE TABLE pears (id int)');
  }, 90_000);
  afterAll(() => world?.close());
  beforeEach(async () => {
    await world.database.admin.query('DELETE FROM dbrag.connections');
    connection = await world.connect();
    world.embedder.fault = () => {};
    world.embedder.requests.length = 0;
  });

  const night = (at = Date.now(), model = 'fake'): Promise<EmbeddedForgotten> => {
    world.embedder.requests.length = 0;
    const embedder = Object.create(world.embedder, { model: { value: model } });
    const ports = { database: world.database.application, embedder, now: () => at };
    return embedForgotten(ports, world.workspaceId, () => true);
  };
  const asked = () => world.embedder.requests.flat();
  /** Everything whose text holds the word. */
  const refuse = (word: string) => {
    world.embedder.fault = (texts) => {
      if (texts.some((text) => text.includes(word))) throw new ModelError('input', 'The model refused the input.');
    };
  };
  const addExamples = (question: string, count: number) =>
    world.database.admin.query(
      `INSERT INTO dbrag.sql_examples (workspace_id, connection_id, id, question, sql)
       SELECT $1, $2, unnest($3::uuid[]), $4, 'SELECT 1'`,
      [world.workspaceId, connection.id, Array.from({ length: count }, newUuid), question],
    );
  const addExample = (question: string, of: Connection = connection) =>
    world.inWorkspace((db) =>
      insertExample(db, world.workspaceId, of.id, { question, sql: 'SELECT 1', createdBy: 'test' }, null),
    );
  const refusals = async () =>
    (
      await world.database.admin.query(
        `SELECT question, refusal FROM dbrag.sql_examples WHERE refusal IS NOT NULL ORDER BY question`,
      )
    ).rows;
  const embedded = async () =>
    Number(
      (await world.database.admin.query('SELECT count(*) FROM dbrag.sql_examples WHERE embedding IS NOT NULL')).rows[0]
        ?.count,
    );

  it('hold up no others behind them, however many the model refuses, and are not asked for every night', async () => {
    await addExamples('poison', 510);
    await addExamples('sound', 510);
    refuse('poison');
    expect(await night()).toEqual({ embedded: 510, failure: null });
    expect(await embedded()).toBe(510);
    expect(await refusals()).toHaveLength(510);
    expect(await night()).toEqual({ embedded: 0, failure: null });
    expect(asked()).toEqual([]);
    const { rows } = await world.database.admin.query(
      `SELECT sum(requests)::int AS requests FROM dbrag.usage_events WHERE operation = 'describe_table'`,
    );
    expect(rows[0]?.requests).toBeGreaterThan(0);
  });

  it('are asked for after a day, then half as often each time, and at once in the space of another model', async () => {
    await addExample('poison');
    refuse('poison');
    const start = Date.now();
    const nights: number[] = [];
    // Each night is a little earlier than the last.
    for (let day = 0; day < 16; day++) {
      await night(start + day * dayMilliseconds - day * minutes);
      if (asked().includes('poison')) nights.push(day);
    }
    expect(nights).toEqual([0, 1, 3, 7, 15]);
    expect(await refusals()).toEqual([
      {
        question: 'poison',
        refusal: {
          code: 'bad_embedding',
          message: 'It could not be embedded: The model refused the input.',
          model: 'fake',
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          times: 5,
          until: new Date(start - 15 * minutes + 31 * dayMilliseconds - 6 * hours).toISOString(),
        },
      },
    ]);
    await night(start + 16 * dayMilliseconds, 'another');
    expect(asked()).toContain('poison');
    expect(await refusals()).toMatchObject([{ refusal: { model: 'another', times: 1 } }]);
    world.embedder.fault = () => {};
    expect((await night(start + 18 * dayMilliseconds)).embedded).toBe(1);
    expect(await refusals()).toEqual([]);
  });

  it('wait for the next night when the model is away, whatever connection they are of: it is asked for them once', async () => {
    const other = await world.connect({ name: 'other' });
    for (const one of [connection, other]) await addExample('How many?', one);
    const term = { term: 'revenue', sql: 'sum(total)', description: null, createdBy: 'test' };
    await world.inWorkspace((db) => insertTerm(db, world.workspaceId, other.id, term, null));
    await world.refresh(connection);
    await world.refresh(other);
    await world.inWorkspace((db) => describeByHand(db, world.workspaceId, connection.id, 'apples', 'Fruit'));
    await world.inWorkspace((db) => describeByHand(db, world.workspaceId, other.id, 'pears', 'Fruit'));
    world.embedder.fault = () => {
      throw modelIsAway();
    };
    const { embedded: none, failure } = await night();
    expect([none, failure?.error.message, failure?.texts]).toEqual([0, 'The model is away.', 2]);
    expect(world.embedder.requests).toEqual([['How many?', 'How many?'], ['water']]);
    world.embedder.fault = () => {};
    expect(await night()).toEqual({ embedded: 5, failure: null });
  });

  it('are at fault where the model fails at them alone, and not where it fails or refuses everything', async () => {
    for (const question of ['sound', 'poison', 'good']) await addExample(question);
    for (const kind of ['transient', 'input'] as const) {
      world.embedder.fault = () => {
        throw new ModelError(kind, 'It does not work.');
      };
      const { failure } = await night();
      expect(failure?.error.kind).toBe(kind === 'input' ? 'provider' : 'transient');
      expect(await refusals()).toEqual([]);
    }
    world.embedder.fault = (texts) => {
      if (texts.includes('poison')) throw new ModelError('transient', 'The model provider answers with 500.');
    };
    expect(await night()).toEqual({ embedded: 2, failure: null });
    expect(await refusals()).toMatchObject([{ question: 'poison' }]);
  });

  it('are asked for each night where it may not be the text that the model failed at', async () => {
    await addExample('poison');
    const fail = (kind: 'transient' | 'input') => {
      world.embedder.fault = (texts) => {
        if (texts.includes('poison')) throw new ModelError(kind, 'It does not work.');
      };
    };
    const start = Date.now();
    const times: number[] = [];
    for (let day = 0; day < 5; day++) {
      fail(day === 2 ? 'input' : 'transient');
      await night(start + day * dayMilliseconds);
      expect(asked(), `night ${day}`).toContain('poison');
      times.push((await refusals())[0]?.refusal.times);
    }
    expect(times).toEqual([0, 0, 1, 1, 1]);
    await night(start + 4 * dayMilliseconds + hours);
    expect(asked()).toEqual([]);
  });

  it('are no refused ones where somebody else had a vector for them meanwhile', async () => {
    const tables = async () =>
      (await world.database.admin.query('SELECT name, refusal FROM dbrag.catalog_tables ORDER BY name')).rows;
    await world.refresh(connection);
    await addExample('poison');
    await world.inWorkspace((db) => describeByHand(db, world.workspaceId, connection.id, 'apples', 'Bane'));
    for (const word of ['poison', 'Bane']) {
      let isFirst = true;
      world.embedder.fault = async (texts) => {
        if (!isFirst || !texts.some((text) => text.includes(word))) return;
        isFirst = false;
        world.embedder.fault = () => {};
        await night();
        throw new ModelError('input', 'The model refused the input.');
      };
      await night();
      expect(isFirst).toBe(false);
      expect([await embedded(), await refusals()]).toEqual([1, []]);
      expect(await tables()).toMatchObject([{ refusal: null }, { refusal: null }]);
      await world.inWorkspace((db) => describeByHand(db, world.workspaceId, connection.id, 'apples', 'Bane again'));
    }
    // A vector of what a table was before is none of what it is.
    await world.customer('ALTER TABLE pears ADD COLUMN venom int');
    refuse('venom');
    await world.refresh(connection);
    await world.customer('ALTER TABLE pears DROP COLUMN venom');
    expect(await tables()).toMatchObject([{ refusal: null }, { refusal: { code: 'bad_embedding' } }]);
  });

  it('of a catalog are remembered too, until the text is another', async () => {
    refuse('apples');
    expect(await world.refresh(connection)).toMatchObject({ status: 'succeeded' });
    const table = async () => (await world.tables(connection)).find(({ table_name }) => table_name === 'apples');
    expect(await table()).toMatchObject({ refusal: { code: 'bad_embedding', times: 1 } });
    world.embedder.requests.length = 0;
    await world.refresh(connection);
    await night();
    expect(asked()).toEqual([]);
    await world.inWorkspace((db) => describeByHand(db, world.workspaceId, connection.id, 'apples', 'Other words'));
    refuse('nothing');
    expect((await night()).embedded).toBe(1);
    expect(await table()).toMatchObject({ refusal: null });
  });

  it('that are too long for the model are remembered as well, with the reason', async () => {
    await addExample('long '.repeat(4_000));
    expect(await night()).toEqual({ embedded: 0, failure: null });
    expect(asked()).toEqual([]);
    expect(await refusals()).toMatchObject([{ refusal: { message: expect.stringContaining('too long') } }]);
  });
});
