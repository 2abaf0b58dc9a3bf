import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, type Json } from '../../support/api-client.ts';
import { catalogFunctions, complaintsOf, type Workspace, type World } from './world.ts';

const password = 'password-of-a-reader-of-sales';

/** Statements that a caller sends: through the firewall, the function that reaches the database, and into the audit trail. */
export function statementSuite(world: World): void {
  describe('statements', () => {
    let home: Workspace;
    let connection: Json;
    beforeAll(async () => {
      await world().admin.query(`
        CREATE SCHEMA sales; CREATE TYPE sales.state AS ENUM ('open', 'paid'); CREATE DOMAIN sales.small AS int CHECK (VALUE < 10);
        CREATE TABLE sales.orders (id int PRIMARY KEY, state sales.state, total numeric(10, 2), parts sales.small, note text);
        INSERT INTO sales.orders SELECT n, (ARRAY['open', 'paid'])[1 + n % 2]::sales.state, n * 1.5, n % 10, '=1+' || n FROM generate_series(1, 50) n;
        CREATE VIEW sales.waiting AS SELECT 1 AS n FROM pg_sleep(30);
        CREATE TABLE sales.secrets (id int, value text); INSERT INTO sales.secrets VALUES (1, 'canary of the secrets');
        CREATE ROLE sales_reader LOGIN PASSWORD '${password}'; GRANT USAGE ON SCHEMA sales TO sales_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA sales TO sales_reader`);
      world().cloud.models.chat.answerWith(() => 'Rows of sales.');
      home = await world().workspace();
      const { hostname, port, pathname } = new URL(world().cloud.database.adminUrl);
      connection = await home.api.expect(201, 'POST', '/v1/connections', {
        name: 'sales',
        host: hostname,
        port: Number(port),
        database: pathname.slice(1),
        user: 'sales_reader',
        password,
        ssl: false,
        schemas: ['sales'],
        tables: { exclude: ['secrets'] },
      });
      const job = await endOfJob(home.api, connection.job.id, 90_000);
      expect(job.status, `${JSON.stringify(job)}\n${complaintsOf(world(), catalogFunctions)}`).toBe('succeeded');
    });

    const run = (sql: string, more: object = {}) =>
      home.api.post('/v1/sql/run', { connection_id: connection.id, sql, ...more });

    it('are run, and answered as JSON or as CSV', async () => {
      const answer = await run("SELECT id, state, total, note FROM orders WHERE state = 'paid'::state ORDER BY id;", {
        limit: 2,
      });
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({
          object: 'sql_result',
          statement: expect.stringContaining('FROM "sales".orders'),
          tables: ['sales.orders'],
          columns: ['id', 'state', 'total', 'note'],
          rows: [
            [1, 'paid', '1.50', '=1+1'],
            [3, 'paid', '4.50', '=1+3'],
          ],
          row_count: 2,
          truncated: true,
        }),
      ]);
      const csv = await home.api.post(
        '/v1/sql/run',
        {
          connection_id: connection.id,
          sql: 'SELECT id AS "a,b", -total AS minus, note, NULL FROM orders ORDER BY id LIMIT 1',
        },
        { accept: 'text/csv' },
      );
      expect(csv.headers.get('content-type')).toContain('text/csv');
      expect(csv.text).toBe('"a,b",minus,note,?column?\r\n1,-1.50,\'=1+1,\r\n');
    });

    it('are refused by the rule that they break, and by the database in its own words', async () => {
      const refused: Record<string, string> = {
        'DELETE FROM sales.orders': 'Rule "select_only"',
        'SELECT 1; DROP TABLE sales.orders': 'Rule "one_statement"',
        'SELECT value FROM sales.secrets': 'Rule "table"',
        'SELECT pg_sleep(10)': 'Rule "function"',
        'SELECT 1::sales.small': 'Rule "type"',
        'SELECT parts::small FROM orders': 'Rule "type"',
        'SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f': 'Rule "cost"',
        'SELECT nothing FROM orders': 'column "nothing" does not exist',
      };
      for (const [sql, detail] of Object.entries(refused)) {
        const { status, body, text } = await run(sql);
        expect([status, body.code, body.detail], sql).toEqual([422, 'sql_rejected', expect.stringContaining(detail)]);
        expect(text).not.toContain('canary');
      }
      expect((await run('SELECT 1', { connection_id: `con_${'0'.repeat(32)}` })).status).toBe(404);
      const stranger = await world().workspace();
      const foreign = { connection_id: connection.id, sql: 'SELECT 1' };
      expect((await stranger.api.post('/v1/sql/run', foreign)).status).toBe(404);
    });

    // The embedded engine has one session: nothing could look at it while it waits.
    it.skipIf(process.env.LOCAL_DATABASE_URL === undefined)(
      'are cancelled in the database within seconds of their caller leaving',
      async () => {
        const running = async () =>
          world().count(
            `SELECT count(*) FROM pg_stat_activity WHERE usename = 'sales_reader' AND state = 'active' AND query LIKE '%waiting%'`,
            [],
          );
        const leave = new AbortController();
        const answer = fetch(`${home.api.url}/v1/sql/run`, {
          method: 'POST',
          headers: { authorization: `Bearer ${home.api.key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ connection_id: connection.id, sql: 'SELECT n FROM waiting' }),
          signal: leave.signal,
        }).catch((error: Error) => error.name);
        await eventually(running, (count) => count === 1, 10_000);
        leave.abort();
        expect(await answer).toBe('AbortError');
        // Well before its own time limit, 12 s.
        await eventually(running, (count) => count === 0, 5_000);
        const ends = await eventually(
          async () =>
            (
              await world().admin.query(
                `SELECT outcome FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'sql.finish' AND detail ->> 'sql' LIKE '%waiting%'`,
                [home.uuid],
              )
            ).rows,
          (rows) => rows.length > 0,
          5_000,
        );
        expect(ends).toEqual([{ outcome: 'failure' }]);
        expect((await run('SELECT 1 AS n')).status).toBe(200);
      },
    );

    it('leave a line before they run and one after, refused ones a line that says so', async () => {
      const mark = `SELECT count(*) AS marked_${Date.now()} FROM orders`;
      await run(mark);
      await run(`${mark}; DROP TABLE sales.orders`);
      const { rows } = await world().admin.query(
        `SELECT action, outcome, access_type, resource_id, detail FROM dbrag.audit_events
         WHERE workspace_id = $1 AND detail ->> 'sql' LIKE '%' || $2 || '%' ORDER BY id`,
        [home.uuid, mark.slice(7, 40)],
      );
      expect(rows.map(({ action, outcome }: Json) => [action, outcome])).toEqual([
        ['sql.run', 'success'],
        ['sql.finish', 'success'],
        ['sql.run', 'denied'],
      ]);
      expect(rows[1]).toMatchObject({
        access_type: 'data_access',
        resource_id: connection.id,
        detail: { rows: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
    });
  });
}
