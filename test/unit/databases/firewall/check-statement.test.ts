import { describe, expect, it } from 'vitest';
import { checkStatement } from '../../../../shared/databases/firewall/check-statement.ts';
import { shop } from './shop.ts';

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
    });
    expect(await checkStatement('```sql\nSELECT 1\n```', shop)).toMatchObject({
      accepted: true,
      statement: 'SELECT 1',
    });
  });
});
