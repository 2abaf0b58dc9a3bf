import { describe, expect, it } from 'vitest';
import { checkStatement, largestStatementBytes } from '../../../../shared/databases/firewall/check-statement.ts';
import { SqlParser } from '../../../../shared/databases/firewall/parser.ts';
import { attacks } from '../../../support/firewall/attacks.ts';
import { honest } from '../../../support/firewall/honest.ts';
import { Mutations } from '../../../support/firewall/mutations.ts';
import { shop } from '../../../support/firewall/shop.ts';

describe('what is to be run', () => {
  it('names each table with its schema and loses its semicolon, its fence and nothing else', async () => {
    expect(await checkStatement(' ; SELECT id -- é\n FROM orders AS o, old_orders; ', shop)).toEqual({
      accepted: true,
      statement: 'SELECT id -- é\n FROM "shop".orders AS o, "archive".old_orders',
      tables: [
        { schema: 'shop', name: 'orders' },
        { schema: 'archive', name: 'old_orders' },
      ],
      functions: [],
      operators: [],
      types: [],
    });
    expect(await checkStatement('```sql\nSELECT 1\n```', shop)).toMatchObject({
      accepted: true,
      statement: 'SELECT 1',
    });
  });
});

describe('the firewall', () => {
  it.each(Object.entries(attacks))('refuses %s, and says why in a sentence', async (_, statements) => {
    for (const sql of statements) {
      const decision = await checkStatement(sql, shop);
      expect(decision, sql.slice(0, 200)).toMatchObject({
        accepted: false,
        detail: expect.stringMatching(/^.{15,300}\.$/s),
      });
    }
  });

  it.each(Object.entries(honest))('lets pass: %s', async (_, statements) => {
    for (const sql of statements) expect(await checkStatement(sql, shop), sql).toMatchObject({ accepted: true });
  });

  it('is tried with as many statements as it says', () => {
    expect(Object.values(attacks).flat().length).toBeGreaterThanOrEqual(250);
    expect(Object.values(honest).flat().length).toBeGreaterThanOrEqual(150);
  });

  it('names the rule', async () => {
    const rules = {
      'DELETE FROM orders': 'select_only',
      'SELECT 1; SELECT 2': 'one_statement',
      'SELECT * FROM secrets': 'table',
      'SELECT o.steal FROM orders o': 'attribute',
      'SELECT xmin FROM orders': 'column',
      'SELECT pg_sleep(1)': 'function',
      'SELECT 1 OPERATOR(shop.+) 2': 'operator',
      "SELECT 'orders'::regclass": 'type',
      'SELECT * FROM orders FOR UPDATE': 'locking',
      'SELECT 1 INTO x': 'into',
      'SELECT $1': 'parameter',
      "SELECT repeat('x', 5000)": 'constant',
      'SELECT name COLLATE shop.c FROM customers': 'collation',
      'SELECT * FROM orders TABLESAMPLE SYSTEM (1)': 'node',
      'SELECT\0': 'nul',
      "SELECT '\ud800'": 'encoding',
      SELEC: 'syntax',
      [`SELECT '${'x'.repeat(largestStatementBytes)}'`]: 'size',
      [`SELECT ${'abs('.repeat(250)}1${')'.repeat(250)}`]: 'depth',
    };
    for (const [sql, rule] of Object.entries(rules))
      expect(await checkStatement(sql, shop), sql).toMatchObject({ rule });
  });

  it('has a new parser after a statement that the old one did not survive', async () => {
    const parser = await SqlParser.load();
    // The engine's optimized code needs less stack: 9,000 levels fit into it, and broke the code it begins with.
    expect(() => parser.parse(`SELECT 1${'+1'.repeat(40_000)}`)).toThrow('nested too deeply');
    await parser.ready();
    expect(parser.parse('SELECT 1')).toHaveLength(1);
  });

  it('reads a table of a schema of the system for nobody, whatever the catalog says', async () => {
    const tables = [{ schema: 'pg_catalog', name: 'pg_authid', columns: ['rolname'] }];
    const allowed = { schemas: ['pg_catalog', 'public'], tables };
    expect(await checkStatement('SELECT rolname FROM pg_authid', allowed)).toMatchObject({ rule: 'table' });
    expect(await checkStatement('SELECT * FROM pg_catalog.pg_authid', allowed)).toMatchObject({ rule: 'table' });
  });

  it('throws at nothing, and what it accepts it accepts again as it would be run', async () => {
    const mutations = new Mutations(1);
    for (let n = 0; n < 1_500; n += 1) {
      const sql = mutations.next();
      const decision = await checkStatement(sql, shop);
      if (!decision.accepted) continue;
      const again = await checkStatement(decision.statement, shop);
      expect(again, sql).toEqual(decision);
    }
  });
});
