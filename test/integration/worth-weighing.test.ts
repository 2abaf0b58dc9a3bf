import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('dbrag.worth_weighing', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.close());

  /** @param terms lexeme and in how many of 100,000 chunks it stands; weighed as the keyword leg weighs them */
  async function worth(terms: readonly (readonly [string, number])[], wanted = 10): Promise<string | null> {
    const weighed = terms
      .map(([lexeme, n]) => ({ lexeme, n, weight: Math.log(1 + (100_000 - n + 0.5) / (n + 0.5)) }))
      .sort((left, right) => right.weight - left.weight);
    const { rows } = await database.admin.query<{ query: string | null }>(
      'SELECT dbrag.worth_weighing($1, $2, $3, 100000, $4)::text AS query',
      [weighed.map(({ lexeme }) => lexeme), weighed.map(({ n }) => n), weighed.map(({ weight }) => weight), wanted],
    );
    return rows[0]?.query ?? null;
  }

  it('takes every word where all are rare', async () => {
    const query = await worth([
      ['quark', 12],
      ['gluon', 9],
      ['boson', 20],
    ]);
    expect(query?.split(' | ').sort()).toEqual(["'boson'", "'gluon'", "'quark'"]);
  });

  it('takes middling words together and not alone, and leaves the common ones to the ranking', async () => {
    const query = await worth([
      ['lepton', 2_000],
      ['decay', 1_500],
      ['mass', 9_000],
      ['the', 80_000],
    ]);
    const parts = query?.split(' | ') ?? [];
    expect(parts).toContainEqual(expect.stringMatching(/^'(decay' & 'lepton|lepton' & 'decay)'$/));
    expect(parts).not.toContain("'lepton'");
    expect(parts).not.toContain("'decay'");
    expect(query).not.toContain("'the'");
  });

  it('looks for more where more is wanted', async () => {
    const terms = [
      ['lepton', 900],
      ['decay', 1_500],
      ['mass', 9_000],
    ] as const;
    expect(await worth(terms, 10)).not.toBe(await worth(terms, 1_000));
    expect(await worth(terms, 1_000)).toContain("'lepton'");
  });

  it('takes a word without statistics by itself, beside any number of known ones', async () => {
    const known = Array.from({ length: 9 }, (_, index) => [`known${index}`, 300 + index] as const);
    expect((await worth([['new', 0], ...known]))?.split(' | ')).toContain("'new'");
  });

  it('takes common words where there are no others', async () => {
    expect(
      await worth([
        ['the', 80_000],
        ['of', 70_000],
      ]),
    ).not.toBeNull();
    expect(await worth([['the', 100_000]])).toBe("'the'");
  });

  it('keeps a lexeme whole, whatever stands in it', async () => {
    expect(await worth([["o'clock & \\ | !", 5]])).toBe("'o''clock & \\\\ | !'");
  });

  it('gives nothing for nothing', async () => {
    expect(await worth([])).toBeNull();
  });
});
