import { describe, expect, it } from 'vitest';
import { readPrompt } from '../../../../infra/local/models/chat/sources.ts';
import { writeSql } from '../../../../infra/local/models/chat/write-sql.ts';
import type { CatalogTable } from '../../../../shared/databases/catalog.ts';
import { readStatement } from '../../../../shared/databases/generation/read-statement.ts';
import { sqlPrompt } from '../../../../shared/databases/generation/sql-prompt.ts';

const table = (name: string, columns: Record<string, string>, more: Partial<CatalogTable> = {}) => ({
  name: `shop.${name}`,
  columns: Object.entries(columns).map(([column, type]) => {
    const [plain = type, values] = type.split(' values ');
    return {
      name: column,
      type: plain,
      nullable: false,
      comment: null,
      ...(values ? { values: values.split(',') } : {}),
    };
  }),
  primary_key: ['id'],
  foreign_keys: [],
  comment: null,
  description: `Rows of ${name}.`,
  row_estimate: 10,
  samples: null,
  ...more,
});
const key = (column: string, target: string) => ({
  columns: [column],
  references: { table: `shop.${target}`, columns: ['id'] },
});
const tables = [
  table('customers', { id: 'integer', name: 'text', city: 'text', country: 'text values France,Italy' }),
  table(
    'orders',
    { id: 'integer', customer_id: 'integer', ordered_on: 'date', status: 'text values open,paid,returned' },
    { foreign_keys: [key('customer_id', 'customers')] },
  ),
  table(
    'order_items',
    { order_id: 'integer', product_id: 'integer', quantity: 'integer', unit_price: 'numeric(8,2)' },
    {
      primary_key: ['order_id', 'product_id'],
      foreign_keys: [key('order_id', 'orders'), key('product_id', 'products')],
    },
  ),
  table('products', { id: 'integer', name: 'text', category: 'text', price: 'numeric(8,2)' }),
];

/** The statement on one line, as our prompt leads to it. */
function written(question: string): string {
  const { request } = sqlPrompt(question, { tables: tables as never, examples: [], terms: [] }, '2026-01-01');
  const prompt = readPrompt(request.messages.map(({ role, content }) => ({ role, text: content })));
  expect(prompt.task).toBe('sql');
  const read = readStatement(writeSql(prompt.asked, prompt.question));
  return read.kind === 'statement' ? read.sql.replace(/\s+/g, ' ') : read.kind;
}

describe('the offline model writes SQL', () => {
  it.each([
    ['How many orders are there?', 'SELECT count(*) AS orders_count FROM shop.orders'],
    [
      'How many orders were returned?',
      "SELECT count(*) AS orders_count FROM shop.orders WHERE shop.orders.status = 'returned'",
    ],
    ['What is the average price of products?', 'SELECT avg(shop.products.price) AS average_price FROM shop.products'],
    [
      'How many customers are there per country?',
      'SELECT shop.customers.country AS country, count(*) AS customers_count FROM shop.customers GROUP BY shop.customers.country ORDER BY customers_count DESC, shop.customers.country',
    ],
    [
      'Which city has the most customers?',
      'SELECT shop.customers.city AS city, count(*) AS customers_count FROM shop.customers GROUP BY shop.customers.city ORDER BY customers_count DESC, shop.customers.city LIMIT 1',
    ],
    [
      'How many orders came from customers in Italy?',
      "SELECT count(*) AS orders_count FROM shop.orders JOIN shop.customers ON shop.orders.customer_id = shop.customers.id WHERE shop.customers.country = 'Italy'",
    ],
    [
      'What is the total revenue by category?',
      'SELECT shop.products.category AS category, sum(shop.order_items.quantity * shop.order_items.unit_price) AS total_revenue FROM shop.order_items JOIN shop.products ON shop.order_items.product_id = shop.products.id GROUP BY shop.products.category ORDER BY total_revenue DESC, shop.products.category',
    ],
    [
      'How many orders were placed in March 2026?',
      "SELECT count(*) AS orders_count FROM shop.orders WHERE shop.orders.ordered_on >= date '2026-03-01' AND shop.orders.ordered_on < date '2026-04-01'",
    ],
  ])('%s', (question, sql) => {
    expect(written(question)).toBe(sql);
  });

  it('says so where it cannot', () => {
    expect(written('Why do people leave?')).toBe('unanswerable');
  });
});
