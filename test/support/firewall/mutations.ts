import { attacks } from './attacks.ts';
import { honest } from './honest.ts';

/** Pieces that change what a statement is, put where nobody expects them. */
const pieces = [
  ...[
    'pg_sleep(1)',
    'shop.secrets',
    'secrets',
    "nextval('shop.counter')",
    'o.steal',
    '::regclass',
    ' FOR UPDATE',
    ' INTO copied',
  ],
  ...['(', ')', '"', "'", '$$', '--', '/*', '*/', ';', ',', '.', '*', '\\', '\0', '\n', '::', '$1', "E'\\'", 'U&"'],
  ...[
    'DELETE FROM orders RETURNING *',
    'WITH x AS (',
    'LATERAL ',
    'ONLY ',
    'UNION ALL ',
    'SELECT ',
    ' FROM orders',
    'OPERATOR(shop.+)',
  ],
];

/** Statements made of both sets by cutting, swapping, splicing and repeating, always the same for a seed. */
export class Mutations {
  private readonly statements = [...Object.values(attacks), ...Object.values(honest)].flat();
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  next(): string {
    let sql = this.pick(this.statements);
    for (let times = 1 + this.below(3); times > 0; times -= 1) sql = this.mutate(sql);
    return sql;
  }

  private mutate(sql: string): string {
    const at = this.below(sql.length + 1);
    const to = at + this.below(12);
    const other = this.pick(this.statements);
    const tokens = sql.split(/(\W+)/);
    switch (this.below(8)) {
      case 0:
        return sql.slice(0, at) + this.pick(pieces) + sql.slice(at);
      case 1:
        return sql.slice(0, at) + sql.slice(to);
      case 2:
        return sql.slice(0, at) + other.slice(this.below(other.length + 1));
      case 3:
        return sql.slice(0, to) + sql.slice(at);
      case 4:
        return `SELECT * FROM (${sql}) a, LATERAL (${other}) b`;
      case 5:
        return `WITH orders AS (${sql}) ${other}`;
      case 6:
        return this.swapToken(tokens, this.pick(other.split(/(\W+)/)));
      default:
        return sql.replace(/\b(orders|customers|id|total|1)\b/, `(${other})`);
    }
  }

  private swapToken(tokens: string[], token: string): string {
    return tokens.with(this.below(tokens.length), token).join('');
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Mulberry32 by Tommy Ettinger, public domain. */
  private below(most: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * most);
  }
}
