import type { AllowedRelations } from '../../../shared/databases/firewall/catalogued-tables.ts';

/** A shop as its catalog knows it: what the statements of both sets are about. */
export const shop: AllowedRelations = {
  schemas: ['shop', 'archive'],
  types: [{ schema: 'shop', name: 'order_status' }],
  tables: [
    { schema: 'shop', name: 'customers', columns: ['id', 'name', 'email', 'country', 'segment', 'tags', 'created_at'] },
    { schema: 'shop', name: 'categories', columns: ['id', 'parent_id', 'name'] },
    {
      schema: 'shop',
      name: 'products',
      columns: ['id', 'category_id', 'name', 'sku', 'price', 'attributes', 'active', 'added_on'],
    },
    {
      schema: 'shop',
      name: 'orders',
      columns: ['id', 'customer_id', 'status', 'total', 'placed_at', 'shipped_at', 'note'],
    },
    { schema: 'shop', name: 'order_items', columns: ['order_id', 'product_id', 'quantity', 'unit_price'] },
    { schema: 'shop', name: 'employees', columns: ['id', 'manager_id', 'name', 'salary', 'hired_on', 'date', 'rank'] },
    { schema: 'shop', name: 'Order Notes', columns: ['id', 'Order Id', 'te"xt', '😀'] },
    { schema: 'archive', name: 'old_orders', columns: ['id', 'customer_id', 'total', 'placed_at'] },
  ],
};

/** The same as tables; `secrets` is one that the catalog leaves out. */
export const shopSchema = `
CREATE SCHEMA shop;
CREATE SCHEMA archive;
CREATE TYPE shop.order_status AS ENUM ('open', 'paid', 'shipped', 'returned');
CREATE TABLE shop.customers (id int PRIMARY KEY, name text, email text, country text, segment text, tags text[], created_at timestamptz);
CREATE TABLE shop.categories (id int PRIMARY KEY, parent_id int, name text);
CREATE TABLE shop.products (id int PRIMARY KEY, category_id int, name text, sku text, price numeric(10, 2), attributes jsonb, active bool, added_on date);
CREATE TABLE shop.orders (id int PRIMARY KEY, customer_id int, status shop.order_status, total numeric(12, 2), placed_at timestamptz, shipped_at timestamptz, note text);
CREATE TABLE shop.order_items (order_id int, product_id int, quantity int, unit_price numeric(10, 2));
CREATE TABLE shop.employees (id int PRIMARY KEY, manager_id int, name text, salary numeric, hired_on date, date date, rank int);
CREATE TABLE shop."Order Notes" (id int PRIMARY KEY, "Order Id" int, "te""xt" text, "😀" text);
CREATE TABLE archive.old_orders (id int PRIMARY KEY, customer_id int, total numeric, placed_at timestamptz);
CREATE TABLE shop.secrets (id int PRIMARY KEY, value text);
CREATE SEQUENCE shop.counter;
INSERT INTO shop.customers SELECT n, 'Customer ' || n, 'c' || n || '@example.com', (ARRAY['DE', 'FR', 'UA'])[1 + n % 3], (ARRAY['b2b', 'b2c'])[1 + n % 2], ARRAY['t' || n % 4, 'all'], '2026-01-01'::timestamptz + n * interval '7 hours' FROM generate_series(1, 50) n;
INSERT INTO shop.categories VALUES (1, NULL, 'All'), (2, 1, 'Books'), (3, 1, 'Toys'), (4, 2, 'Novels');
INSERT INTO shop.products SELECT n, 2 + n % 3, 'Product ' || n, 'SKU-' || lpad(n::text, 4, '0'), 5 + n * 1.25, jsonb_build_object('color', (ARRAY['red', 'blue'])[1 + n % 2], 'size', n % 5, 'tags', jsonb_build_array('a', n)), n % 7 <> 0, date '2025-06-01' + n FROM generate_series(1, 30) n;
INSERT INTO shop.orders SELECT n, 1 + n % 50, (ARRAY['open', 'paid', 'shipped', 'returned'])[1 + n % 4]::shop.order_status, (n * 7 % 200) + 0.5, '2026-02-01'::timestamptz + n * interval '5 hours', CASE WHEN n % 4 = 2 THEN '2026-02-03'::timestamptz + n * interval '5 hours' END, CASE WHEN n % 9 = 0 THEN 'gift' END FROM generate_series(1, 200) n;
INSERT INTO shop.order_items SELECT 1 + n % 200, 1 + n % 30, 1 + n % 4, 5 + n % 11 FROM generate_series(1, 600) n;
INSERT INTO shop.employees SELECT n, nullif(n / 2, 0), 'Employee ' || n, 3000 + n * 10, date '2020-01-01' + n, date '2026-01-01' + n, n % 4 FROM generate_series(1, 15) n;
INSERT INTO shop."Order Notes" SELECT n, n, 'note ' || n, '🙂' FROM generate_series(1, 5) n;
INSERT INTO archive.old_orders SELECT n, n, n * 3, '2020-01-01' FROM generate_series(1, 20) n;
INSERT INTO shop.secrets VALUES (1, 'do not read');
`;
