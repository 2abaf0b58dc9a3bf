import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** What a connection to the shop is made with. */
export interface ShopLogin {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const reader = 'shop_reader';

/**
 * A small shop, the same on every machine: whole numbers that are multiplied by primes and cut stand in for chance. The prices fall
 * on the day of the order, so totals can be asked for.
 */
const shop = `
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
CREATE TABLE shop.customers (
  id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL, country text NOT NULL, registered_on date NOT NULL);
COMMENT ON TABLE shop.customers IS 'People and companies that have bought something';
CREATE TABLE shop.products (
  id integer PRIMARY KEY, name text NOT NULL, category text NOT NULL, price numeric(8, 2) NOT NULL);
COMMENT ON TABLE shop.products IS 'What the shop sells, with today''s price in euros';
CREATE TABLE shop.orders (
  id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES shop.customers (id), ordered_on date NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned')));
COMMENT ON TABLE shop.orders IS 'One purchase of one customer';
COMMENT ON COLUMN shop.orders.status IS 'open until it is paid, then shipped; returned when it came back';
CREATE TABLE shop.order_items (
  order_id integer NOT NULL REFERENCES shop.orders (id), product_id integer NOT NULL REFERENCES shop.products (id),
  quantity integer NOT NULL, unit_price numeric(8, 2) NOT NULL, PRIMARY KEY (order_id, product_id));
COMMENT ON TABLE shop.order_items IS 'What an order holds; quantity times unit_price is what was paid for it, in euros';

INSERT INTO shop.customers
SELECT n, (ARRAY['Ada', 'Grace', 'Edgar', 'Barbara', 'Alan', 'Karen', 'Donald', 'Radia', 'Tony', 'Frances'])[1 + n * 7 % 10]
    || ' ' || (ARRAY['Moreau', 'Kovalenko', 'Silva', 'Jensen', 'Rossi', 'Novak', 'Okafor', 'Yilmaz', 'Lindqvist', 'Murphy', 'Garcia'])[1 + n * 13 % 11],
  place[1], place[2], date '2024-01-01' + n * 37 % 700
FROM generate_series(1, 200) n
CROSS JOIN LATERAL (SELECT (ARRAY['Paris,France', 'Kyiv,Ukraine', 'Lisbon,Portugal', 'Copenhagen,Denmark', 'Rome,Italy', 'Prague,Czechia',
  'Berlin,Germany', 'Izmir,Turkey'])[1 + n * 11 % 8] AS text) p CROSS JOIN LATERAL string_to_array(p.text, ',') AS place;
INSERT INTO shop.products
SELECT n, (ARRAY['Oak', 'Steel', 'Linen', 'Glass', 'Cork'])[1 + n % 5] || ' ' || (ARRAY['desk', 'lamp', 'chair', 'shelf', 'rug', 'clock', 'mug', 'vase'])[1 + n % 8],
  (ARRAY['furniture', 'lighting', 'furniture', 'furniture', 'textiles', 'decoration', 'kitchen', 'decoration'])[1 + n % 8],
  5 + n * 173 % 400 + 0.99
FROM generate_series(1, 40) n;
INSERT INTO shop.orders
SELECT n, 1 + n * 73 % 200, date '2026-01-01' + n * 7919 % 330, (ARRAY['shipped', 'paid', 'shipped', 'open', 'shipped', 'returned', 'paid'])[1 + n % 7]
FROM generate_series(1, 2000) n;
INSERT INTO shop.order_items
SELECT o.id, p.id, 1 + (o.id + k) % 4, p.price FROM shop.orders o CROSS JOIN generate_series(1, 3) k
JOIN shop.products p ON p.id = 1 + (o.id * 31 + k * 13) % 40 WHERE k <= 1 + o.id % 3;`;

const rights = `
REVOKE ALL ON SCHEMA shop FROM PUBLIC;
GRANT USAGE ON SCHEMA shop TO ${reader};
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${reader};
ANALYZE shop.customers, shop.products, shop.orders, shop.order_items;`;

/**
 * Makes the shop anew in the database of the local cloud, with a role that may read it and nothing else.
 * @param adminUrl of a superuser
 */
export async function createShop(adminUrl: string): Promise<ShopLogin> {
  const password = randomBytes(18).toString('base64url');
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(shop);
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [reader]);
    await client.query(`${rowCount ? 'ALTER' : 'CREATE'} ROLE ${reader} LOGIN PASSWORD '${password}'`);
    await client.query(rights);
  } finally {
    await client.end();
  }
  const { hostname, port, pathname } = new URL(adminUrl);
  return {
    host: hostname,
    port: Number(port || 5432),
    database: decodeURIComponent(pathname.slice(1)),
    user: reader,
    password,
  };
}
