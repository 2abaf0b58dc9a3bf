import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ApiClient, endOfJob, eventually, type Json } from '../../support/api-client.ts';
import { type Roguery, type RogueServer, startRogueServer } from '../../support/rogue-postgres/server.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

const password = 'canary-password-of-a-database';

/** Databases that a workspace connects: over HTTP, through the function that reaches them and the Secrets Manager of the cloud. */
export function connectionSuite(world: World): void {
  describe('connections', () => {
    const rogues: RogueServer[] = [];
    let place: Json;
    beforeAll(async () => {
      await world().admin.query(`
        CREATE SCHEMA shop; CREATE TABLE shop.customers (id int PRIMARY KEY, name text);
        CREATE TABLE shop.orders (id int PRIMARY KEY, customer_id int REFERENCES shop.customers (id), total numeric(10, 2));
        CREATE TABLE shop."; DROP" (a int);
        CREATE ROLE shop_reader LOGIN PASSWORD '${password}'; GRANT USAGE ON SCHEMA shop TO shop_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_reader;
        CREATE ROLE shop_writer LOGIN PASSWORD '${password}'; GRANT USAGE ON SCHEMA shop TO shop_writer;
        GRANT INSERT ON shop.orders TO shop_writer`);
      const { hostname, port, pathname } = new URL(world().cloud.database.adminUrl);
      place = {
        name: 'shop',
        engine: 'postgres',
        host: hostname,
        port: Number(port),
        database: pathname.slice(1),
        user: 'shop_reader',
        password,
        ssl: false,
        schemas: ['shop'],
      };
    });
    afterAll(() => Promise.all(rogues.map((rogue) => rogue.close())));

    const rogue = async (roguery: Roguery) => {
      const server = await startRogueServer(roguery);
      rogues.push(server);
      return server.port;
    };
    const names = async (workspace: Workspace) =>
      (
        await world().admin.query('SELECT name FROM dbrag.connection_secrets WHERE workspace_id = $1', [workspace.uuid])
      ).rows.map(({ name }: { name: string }) => name);
    /** A first call starts two functions, which a busy machine may not do within the short time limits of this stage. */
    const connect = async ({ api }: Pick<Workspace, 'api'>, settings: object = place): Promise<Json> => {
      const isBusy = ({ status }: Answer) => status === 503 || status === 504;
      const answer = await eventually(
        () => api.post('/v1/connections', settings),
        (one) => !isBusy(one),
        60_000,
      );
      expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
      return answer.body;
    };
    const secretValue = (name: string) => world().cloud.aws.secrets.valueOf(name);

    it('is connected, catalogued, described by hand, and removed with its password', async () => {
      world().cloud.models.chat.answerWith(() => 'Rows of the shop.');
      const home = await world().workspace();
      const made = await connect(home);
      expect(made).toMatchObject({
        object: 'connection',
        user: 'shop_reader',
        ssl: 'disable',
        error: null,
        send_rows_to_model: false,
      });
      expect(await endOfJob(home.api, made.job.id, 100_000)).toMatchObject({
        status: 'succeeded',
        result: { tables: 3, described: 3 },
      });
      const path = `/v1/connections/${made.id}`;
      const { data } = await home.api.expect(200, 'GET', `${path}/tables`);
      expect(data.map(({ table }: Json) => table)).toEqual(['shop."; DROP"', 'shop.customers', 'shop.orders']);
      expect(data[2]).toMatchObject({ primary_key: ['id'], description: 'Rows of the shop.', edited: false });
      const page = await home.api.expect(
        200,
        'GET',
        `${path}/tables?limit=1&after=${encodeURIComponent(data[0].table)}`,
      );
      expect(page).toMatchObject({ has_more: true, first_id: 'shop.customers' });
      for (const table of ['shop."; DROP"', '; DROP', 'shop.; DROP']) {
        const changed = await home.api.patch(`${path}/tables/${encodeURIComponent(table)}`, {
          description: `About ${table}`,
        });
        expect(changed.body).toMatchObject({ table: 'shop."; DROP"', edited: true, description: `About ${table}` });
      }
      const question = { question: 'How much was sold?', sql: 'SELECT sum(total) FROM shop.orders' };
      await home.api.expect(201, 'POST', `${path}/examples`, question);
      await home.api.expect(201, 'POST', `${path}/terms`, { term: 'revenue', sql: 'sum(total)' });
      expect((await home.api.expect(200, 'GET', `${path}/examples`)).data).toMatchObject([question]);
      expect((await home.api.expect(200, 'GET', `${path}/terms`)).data).toMatchObject([{ term: 'revenue' }]);
      const embedded = 'SELECT count(*) FROM dbrag.sql_examples WHERE workspace_id = $1 AND embedding IS NOT NULL';
      expect(await world().count(embedded, [home.uuid])).toBe(1);
      const [word] = (await home.api.expect(200, 'GET', `${path}/terms`)).data;
      expect((await home.api.delete(`${path}/terms/${word.id}`)).status).toBe(204);
      for (const gone of [word.id, 'nothing', made.id])
        expect((await home.api.delete(`${path}/terms/${gone}`)).status).toBe(404);
      const [confirmed] = (await home.api.expect(200, 'GET', `${path}/examples`)).data;
      const stranger = await world().workspace();
      expect((await stranger.api.delete(`${path}/examples/${confirmed.id}`)).status).toBe(404);
      expect((await home.api.delete(`${path}/examples/${confirmed.id}`)).status).toBe(204);
      for (const list of ['examples', 'terms'])
        expect((await home.api.expect(200, 'GET', `${path}/${list}`)).data).toEqual([]);
      expect(await home.api.expect(200, 'POST', `${path}/test`)).toMatchObject({
        ok: true,
        user: 'shop_reader',
        tables: 3,
      });
      const again = await home.api.expect(202, 'POST', `${path}/refresh`);
      expect(await endOfJob(home.api, again.job.id, 100_000)).toMatchObject({
        status: 'succeeded',
        result: { described: 0 },
      });
      const [name = ''] = await names(home);
      expect(name).toMatch(/^dbrag\/test\/connections\/[0-9a-f]{32}\/[0-9a-f]{32}$/);
      expect(secretValue(name)).toContain(password);
      expect((await home.api.delete(path)).status).toBe(204);
      expect((await home.api.get(path)).status).toBe(404);
      expect((await home.api.get(`${path}/tables`)).status).toBe(404);
      expect([secretValue(name), await names(home)]).toEqual([undefined, []]);
      // Whatever answered, logged or was stored: the password was in none of it.
      const seen = JSON.stringify([made, data, world().cloud.lines]);
      expect(seen).not.toContain(password);
      for (const table of ['audit_events', 'jobs', 'idempotency_keys', 'connections'])
        expect(
          await world().count(`SELECT count(*) FROM dbrag.${table} t WHERE t::text LIKE '%${password}%'`, []),
          table,
        ).toBe(0);
      const audit =
        "SELECT count(DISTINCT action) FROM dbrag.audit_events WHERE workspace_id = $1 AND action LIKE 'connection.%'";
      expect(await world().count(audit, [home.uuid])).toBe(8);
      // A worker that a busy machine stopped leaves its message away for half a minute.
    }, 240_000);

    it('is asked for statements as long as the day has tokens', async () => {
      const { operator } = world();
      const made = await operator.expect(201, 'POST', '/v1/workspaces', { name: 'thrifty' });
      // Before anybody asked for the workspace: what a function knows of one it keeps for 30 s.
      await operator.expect(200, 'PATCH', `/v1/workspaces/${made.id}`, { quotas: { chat_tokens: 50_000 } });
      const home = { api: new ApiClient(world().cloud.url, made.api_key.secret) };
      const { id, job } = await connect(home);
      await endOfJob(home.api, job.id, 100_000);
      const { chat } = world().cloud.models;
      chat.answerWith(() => 'SELECT count(*) FROM shop.orders');
      const generate = () => home.api.post('/v1/sql/generate', { connection_id: id, question: 'How many orders?' });
      expect((await generate()).status).toBe(200);
      const reserved = 'SELECT count(*) FROM dbrag.token_reservations WHERE workspace_id = $1';
      expect(await world().count(reserved, [uuidOf(made.id)])).toBe(0);
      chat.clear();
      await world().admin.query(
        `INSERT INTO dbrag.token_reservations (workspace_id, id, tokens, expires_at) VALUES ($1, $1, 50000, now() + interval '1 hour')`,
        [uuidOf(made.id)],
      );
      const early = await generate();
      expect([early.status, early.body.code, early.headers.get('retry-after')]).toEqual([429, 'rate_limited', '5']);
      await world().admin.query('DELETE FROM dbrag.token_reservations WHERE workspace_id = $1', [uuidOf(made.id)]);
      await world().admin.query(
        `INSERT INTO dbrag.usage_events (workspace_id, operation, model, prompt_tokens) VALUES ($1, 'query', 'm', 50000)`,
        [uuidOf(made.id)],
      );
      const refused = await generate();
      expect([refused.status, refused.body.code, chat.requests.length]).toEqual([429, 'quota_exceeded', 0]);
    }, 200_000);

    it('says by a code what is wrong, and keeps nothing', async () => {
      const home = await world().workspace();
      const closed = await startRogueServer({ kind: 'silent' });
      await closed.close();
      const cases: [string, number, object][] = [
        ['role_too_powerful', 422, { user: 'shop_writer' }],
        ['auth_failed', 502, { password: 'wrong' }],
        ['host_not_allowed', 422, { host: '169.254.169.254' }],
        ['host_not_allowed', 422, { host: '::ffff:10.0.0.1' }],
        ['host_not_allowed', 422, { host: '192.168.0.1', port: 5432 }],
        ['connection_refused', 502, { port: closed.port }],
        ['tls_failed', 502, { ssl: true }],
        ['database_missing', 502, { port: await rogue({ kind: 'error', state: '3D000', message: 'no' }) }],
        ['too_many_connections', 502, { port: await rogue({ kind: 'error', state: '53300', message: 'no' }) }],
        ['timeout', 504, { port: await rogue({ kind: 'silent' }) }],
      ];
      for (const [code, status, settings] of cases) {
        const answer = await home.api.post('/v1/connections', { ...place, ...settings });
        expect([answer.body.code, answer.status], JSON.stringify(settings)).toEqual([code, status]);
        expect(answer.text).not.toContain(password);
      }
      const { detail } = (await home.api.post('/v1/connections', { ...place, user: 'shop_writer' })).body;
      expect(detail).toContain('GRANT SELECT ON ALL TABLES IN SCHEMA "shop" TO dbrag_reader;');
      for (const host of ['2130706433', '0x7f.1', '/tmp', '127.0.0.1,10.0.0.1'])
        expect((await home.api.post('/v1/connections', { ...place, host })).body.code).toBe('validation_failed');
      expect((await home.api.expect(200, 'GET', '/v1/connections')).data).toEqual([]);
      expect(await names(home)).toEqual([]);
    });

    it('sends a password to the server and user that it was given for, and to no other', async () => {
      const home = await world().workspace();
      const made = await connect(home);
      const path = `/v1/connections/${made.id}`;
      const [first = ''] = await names(home);
      const listener = await rogue({ kind: 'asks for the password' });
      for (const change of [{ port: listener }, { host: 'localhost' }, { user: 'other' }, { database: 'other' }])
        expect((await home.api.patch(path, change)).body).toMatchObject({
          code: 'validation_failed',
          errors: [{ pointer: '/password' }],
        });
      // Neither does a row that was moved behind its back: the envelope says for whom the password is.
      await world().admin.query('UPDATE dbrag.connections SET port = $2 WHERE workspace_id = $1', [
        home.uuid,
        listener,
      ]);
      expect((await home.api.post(`${path}/test`)).body.code).toBe('auth_failed');
      expect(rogues.at(-1)?.heard).toEqual([]);
      await world().admin.query('UPDATE dbrag.connections SET port = $2 WHERE workspace_id = $1', [
        home.uuid,
        place.port,
      ]);
      const renewed = await home.api.patch(path, { name: 'renamed', password, host: 'localhost' });
      expect(renewed.body).toMatchObject({ name: 'renamed', host: 'localhost' });
      expect(await names(home)).not.toContain(first);
      expect(secretValue(first)).toBeUndefined();
      expect(await home.api.expect(200, 'POST', `${path}/test`)).toMatchObject({ ok: true });
      expect((await home.api.patch(path, { password: 'wrong' })).body.code).toBe('auth_failed');
      expect(await home.api.expect(200, 'POST', `${path}/test`)).toMatchObject({ ok: true });
    });

    it('makes one connection of many equal requests, and one secret', async () => {
      const home = await world().workspace();
      const post = () => home.api.post('/v1/connections', place, { 'idempotency-key': 'once' });
      const answers = await Promise.all([post(), post(), post()]);
      const made = answers.filter(({ status }) => status === 201);
      expect(new Set(made.map(({ body }) => body.id)).size).toBe(1);
      expect((await home.api.expect(200, 'GET', '/v1/connections')).data).toHaveLength(1);
      expect(await names(home)).toHaveLength(1);
    });

    it('is seen by who may see it, in its own workspace', async () => {
      const [home, other] = [await world().workspace(), await world().workspace()];
      const one = await connect(home);
      const two = await connect(home, { ...place, name: 'two' });
      const editor = await world().key(home, { role: 'editor' });
      expect((await editor.post('/v1/connections', place)).status).toBe(403);
      const narrowed = await world().key(home, { role: 'admin', connection_ids: [two.id] });
      expect((await narrowed.expect(200, 'GET', '/v1/connections')).data.map(({ id }: Json) => id)).toEqual([two.id]);
      for (const api of [narrowed, other.api])
        for (const [method, path] of [
          ['GET', ''],
          ['GET', '/tables'],
          ['GET', '/examples'],
          ['GET', '/terms'],
          ['POST', '/refresh'],
          ['POST', '/test'],
          ['DELETE', ''],
        ])
          expect((await api.request(method as string, `/v1/connections/${one.id}${path}`)).status, path).toBe(404);
      expect((await narrowed.post('/v1/connections', place)).status).toBe(403);
    });
  });
}
