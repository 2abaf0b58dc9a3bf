import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newUuid } from '../../../shared/core/ids.ts';
import { describeByHand } from '../../../shared/databases/catalog.ts';
import type { Connection } from '../../../shared/databases/connections.ts';
import { storeDescribed } from '../../../shared/databases/store-descriptions.ts';
import { noQuotas } from '../../../shared/limits/quotas.ts';
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
    // Two workers find one token between them; the one call that it pays for may take more.
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
