import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CustomerSession } from '../../../shared/databases/customer-session.ts';
import { describeTables } from '../../../shared/databases/describe-tables.ts';

const late = () => new Error('canceling statement due to statement timeout');

/** A server whose statements take as long as told, by a clock that only they move. It ends what takes too long, as Postgres does. */
class SlowSession implements CustomerSession {
  private time: number;
  private limit = Number.POSITIVE_INFINITY;
  private readonly milliseconds: (text: string) => number;

  constructor(time: number, milliseconds: (text: string) => number) {
    this.time = time;
    this.milliseconds = milliseconds;
  }

  left(): number {
    return this.time;
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    if (this.time <= 0) throw late();
    const takes = this.milliseconds(text);
    this.time -= Math.min(takes, this.limit);
    if (takes > this.limit || this.time < 0) throw late();
    const answer = text.includes('pg_class') ? shapes(values[1] as string[]) : looked(text);
    return answer as Row[];
  }

  async attempt<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
    this.limit = milliseconds;
    try {
      return await work();
    } finally {
      this.limit = Number.POSITIVE_INFINITY;
    }
  }
}

const shapes = (tables: readonly string[]) =>
  tables.map((table) => ({
    schema: 'shop',
    table,
    columns: [{ name: 'status', type: 'text', nullable: true, comment: null }],
    primary_key: [],
    foreign_keys: [],
    comment: null,
  }));
const looked = (text: string) => (text.startsWith('WITH') ? [{ 0: ['open', 'paid'] }] : [{ values: ['paid'] }]);
const named = (count: number) => Array.from({ length: count }, (_, at) => ({ schema: 'shop', table: `table_${at}` }));

describe('tables with rows that may be looked at', () => {
  it('are all described in the time of the request, however slow each is', async () => {
    const slowness = fc.array(fc.constantFrom(1, 50, 900, 1_999, 60_000), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(slowness, fc.integer({ min: 1_000, max: 40_000 }), async (slow, time) => {
        const session = new SlowSession(time, (text) => slow[Number(/"table_(\d+)"/.exec(text)?.[1] ?? -1)] ?? 5);
        const described = await describeTables(session, named(slow.length), true);
        expect(described.map(({ table }) => table)).toEqual(named(slow.length).map(({ table }) => table));
        expect(session.left()).toBeGreaterThan(time / 10);
        for (const [at, { samples }] of described.entries())
          if (slow[at] === 1) expect(samples).toEqual([{ status: 'paid' }]);
      }),
    );
  });

  it('keep their samples where only their values take too long', async () => {
    const session = new SlowSession(40_000, (text) => (text.startsWith('WITH looked') ? 60_000 : 5));
    const [table] = await describeTables(session, named(1), true);
    expect(table?.samples).toEqual([{ status: 'paid' }]);
    expect(table?.columns[0]).not.toHaveProperty('values');
  });
});
