import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuid } from '../../../shared/core/ids.ts';
import { describeByHand } from '../../../shared/databases/catalog.ts';
import type { Connection } from '../../../shared/databases/connections.ts';
import { storeDescribed } from '../../../shared/databases/store-descriptions.ts';
import { noQuotas } from '../../../shared/limits/quotas.ts';
import { releaseChatTokens, reserveChatTokens } from '../../../shared/limits/token-quota.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { CatalogWorld } from './catalog-world.ts';

const tableCount = 12;
const plainly = /^Rows of fruit \d+ with id\.$/;

describe('descriptions of tables, and the chat tokens of a workspace', () => {
  let world: CatalogWorld;
  let connection: Connection;
  beforeAll(async () => {
    world = await CatalogWorld.start();
    const tables = Array.from({ length: tableCount }, (_, n) => `CREATE TABLE fruit_${n} (id int)`);
    await world.customer(tables.join('; '));
    connection = await world.connect();
  }, 90_000);
  afterAll(() => world?.close());

  const limit = (tokens: number) => {
    world.quotas = { limits: { chat_tokens: tokens }, noticed() {} };
  };
  const spend = (tokens: number) =>
    world.database.admin.query(
      `INSERT INTO dbrag.usage_events (workspace_id, operation, model, prompt_tokens) VALUES ($1, 'query', 'm', $2)`,
      [world.workspaceId, tokens],
    );
  const reserved = async () =>
    (await world.database.admin.query('SELECT FROM dbrag.token_reservations WHERE expires_at > now()')).rowCount;
  /** A refresh. @returns how often the model was asked */
  const refresh = async () => {
    world.chat.requests.length = 0;
    expect(await world.refresh(connection)).toMatchObject({ status: 'succeeded', result: { tables: tableCount } });
    return world.chat.requests.length;
  };
  const named = async (name: string) => (await world.tables(connection)).find(({ table_name }) => table_name === name);

  it('are made of names where no tokens are left, without a call, and say why', async () => {
    limit(1_000);
    await spend(1_000);
    expect(await refresh()).toBe(0);
    for (const table of await world.tables(connection))
      expect(table).toMatchObject({
        status: 'described',
        description: expect.stringMatching(plainly),
        edited: false,
        description_error: {
          code: 'quota_exceeded',
          message: expect.stringMatching(/^Quota chat_tokens: 1,000 of 1,000 tokens .* it resets at /),
        },
      });
    // While none are left, another refresh asks no model either, and buys no vector again.
    world.embedder.requests.length = 0;
    expect(await refresh()).toBe(0);
    expect(world.embedder.requests).toEqual([]);
  });

  it('leave to a person what a person wrote meanwhile', async () => {
    await world.inWorkspace((db) => describeByHand(db, world.workspaceId, connection.id, 'fruit_3', 'Apples'));
    expect(await named('fruit_3')).toMatchObject({ edited: true, description_error: null });
    await refresh();
    expect(await named('fruit_3')).toMatchObject({ edited: true, description: 'Apples', description_error: null });
  });

  it('are written by the model for as many tables as there are tokens again, and for the rest later', async () => {
    limit(1_001);
    // Two workers find one token between them; the one call that it pays for may take more, and the others wait until it is spent.
    expect(await refresh()).toBe(1);
    const errors = async () =>
      (await world.tables(connection))
        .filter(({ description_error: error }) => error)
        .map(({ table_name }) => table_name);
    expect(await errors()).toHaveLength(tableCount - 2);
    expect(await reserved()).toBe(0);
    world.quotas = noQuotas;
    expect(await refresh()).toBe(tableCount - 2);
    expect(await errors()).toEqual([]);
    expect((await named('fruit_5'))?.description).not.toMatch(plainly);
    expect(await refresh()).toBe(0);
  });

  it('say why no model wrote them where the model is at fault, and are not asked for again', async () => {
    const answers: Readonly<Record<string, string | ModelError>> = {
      fruit_1: new ModelError('input', 'The model refused the input.'),
      fruit_2: ' ** ',
    };
    world.chat.answer = (prompt) => answers[/fruit_\d+/.exec(prompt)?.[0] ?? ''] ?? 'Rows.';
    await world.customer('ALTER TABLE fruit_1 ADD COLUMN more int; ALTER TABLE fruit_2 ADD COLUMN more int');
    expect(await refresh()).toBe(2);
    expect(await named('fruit_1')).toMatchObject({ description_error: { code: 'model_failed' } });
    expect(await named('fruit_2')).toMatchObject({ description_error: { code: 'unusable_answer' } });
    expect(await refresh()).toBe(0);
  });

  it('are paid for even if their connection was removed while they were written', async () => {
    const spent = async () =>
      (
        await world.database.admin.query(
          `SELECT coalesce(sum(prompt_tokens + completion_tokens), 0)::int AS tokens FROM dbrag.usage_events WHERE model = 'gone'`,
        )
      ).rows[0]?.tokens;
    const leased = { schema: 's', table: 't', name: 's.t', edited: false, fingerprint: 'f', tries: 1 };
    const usage = { model: 'gone', promptTokens: 10, completionTokens: 5 };
    const described = [{ leased, table: undefined, text: 'Rows.', error: null, usage }];
    const removed = { ...connection, id: newUuid() };
    const left = await world.inWorkspace((db) => storeDescribed(db, world.workspaceId, removed, newUuid(), described));
    expect([left, await spent()]).toEqual([-1, 15]);
  });
});

describe('descriptions of many tables at once', () => {
  let world: CatalogWorld;
  let spent: number[];
  beforeEach(async () => {
    world = await CatalogWorld.start();
    spent = [];
  }, 90_000);
  afterEach(() => world?.close());

  const limit = (tokens: number) => {
    world.quotas = { limits: { chat_tokens: tokens }, noticed: (_, used) => void spent.push(used) };
  };
  /** @param comment of each of forty columns: prompts are as long */
  const createTables = async (count: number, comment = '') => {
    const columns = Array.from({ length: comment ? 40 : 1 }, (_, n) => `c${n}`);
    for (let n = 0; n < count; n++) {
      const comments = columns.map((column) => `COMMENT ON COLUMN fruit_${n}.${column} IS '${comment}'`);
      await world.customer(
        `CREATE TABLE fruit_${n} (${columns.map((column) => `${column} int`)}); ${comments.join('; ')}`,
      );
    }
    return world.connect();
  };
  const question = () =>
    world.inWorkspace<string | null>((db) => reserveChatTokens(db, world.workspaceId, world.quotas, new Date()));
  const answered = async () => {
    const reservation = await question();
    await world.inWorkspace((db) => releaseChatTokens(db, world.workspaceId, reservation));
  };
  /** How often tables were read: once for each batch. */
  const read = () => world.asked.filter(({ kind }) => kind === 'describe_table').length;
  /** A refresh, with somebody who asks all the while. */
  const refresh = async (connection: Connection) => {
    const jobId = await world.beginRefresh(connection);
    await world.maintain('refresh_catalog', jobId);
    let isOver = false;
    const draining = world.drain(4).finally(() => {
      isOver = true;
    });
    const asking = (async () => {
      let questions = 0;
      for (; !isOver; questions++) {
        await answered();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return questions;
    })();
    const [questions] = await Promise.all([asking, draining]);
    expect(questions).toBeGreaterThan(0);
    expect(await world.job(jobId)).toMatchObject({ status: 'succeeded' });
    return (await world.tables(connection)).map(({ description_error: error }) => error);
  };

  it('are all written by the model where a small stage pays for them, and keep nobody from asking', async () => {
    const connection = await createTables(60);
    limit(100_000);
    world.chat.milliseconds = 1_500;
    const errors = await refresh(connection);
    expect(errors).toEqual(Array(60).fill(null));
    expect(world.chat.requests).toHaveLength(60);
    // Their prompts are short: four batches at once hold so little that none has to come again.
    expect(read()).toBe(6);
    // The operator is told of what was spent, and not of what was held meanwhile.
    expect(Math.max(...spent)).toBeLessThan(1_000);
  }, 60_000);

  it('wait for tokens that others of them hold, are written then, and leave half of the day to questions', async () => {
    const connection = await createTables(12, 'As long as a comment may be. '.repeat(10));
    limit(20_000);
    world.chat.milliseconds = 300;
    expect(await refresh(connection)).toEqual(Array(12).fill(null));
    // No more at once than half of the day pays for: some came again.
    expect(read()).toBeGreaterThan(2);
  }, 60_000);

  it('wait for tokens that questions hold, which counts as no failure', async () => {
    const connection = await createTables(2);
    limit(5_000);
    const reservation = await question();
    const jobId = await world.beginRefresh(connection);
    await world.maintain('refresh_catalog', jobId);
    const held = 'Calls under way hold all tokens of chat models that are left today.';
    await expect(world.describe(world.takeCatalog())).rejects.toThrow(held);
    const { rows } = await world.database.admin.query('SELECT status, tries, leased_until FROM dbrag.catalog_tables');
    expect(rows).toEqual(Array(2).fill({ status: 'listed', tries: 0, leased_until: null }));
    expect(await world.job(jobId)).toMatchObject({ status: 'running', why: `${held} It is tried again soon.` });
    await world.inWorkspace((db) => releaseChatTokens(db, world.workspaceId, reservation));
    await world.maintain('refresh_catalog', jobId);
    await world.drain();
    expect(world.chat.requests).toHaveLength(2);
  }, 60_000);

  it('are made of names where descriptions spent half of the day, and leave the other half to questions', async () => {
    const connection = await createTables(3);
    limit(100_000);
    await world.database.admin.query(
      `INSERT INTO dbrag.usage_events (workspace_id, operation, model, prompt_tokens) VALUES ($1, 'describe_table', 'm', 50000)`,
      [world.workspaceId],
    );
    const message =
      /^Quota chat_tokens: 50,000 of 50,000 tokens of chat models today for descriptions of tables are used; it resets at /;
    const refused = { code: 'quota_exceeded', message: expect.stringMatching(message) };
    expect(await refresh(connection)).toEqual(Array(3).fill(refused));
    expect(world.chat.requests).toEqual([]);
  }, 60_000);
});
