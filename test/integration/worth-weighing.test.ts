import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recountStatistics } from '../../shared/retrieval/recount-statistics.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';

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

  it('takes the rare ones of more than five words by themselves', async () => {
    const terms = Array.from({ length: 12 }, (_, index) => [`part${index}`, index + 1] as const);
    expect((await worth(terms))?.split(' | ').sort()).toEqual(terms.map(([word]) => `'${word}'`).sort());
  });

  it('takes no common word alone because the question repeats it', async () => {
    const { rows } = await database.admin.query<{ query: string }>(
      `SELECT dbrag.worth_weighing('{error,xyzid}', '{100000,30}', '{9.6,9}', 1000000, 10)::text AS query`,
    );
    expect(rows[0]?.query.split(' | ')).toEqual(["'xyzid'"]);
  });

  it('keeps a lexeme whole, whatever stands in it', async () => {
    expect(await worth([["o'clock & \\ | !", 5]])).toBe("'o''clock & \\\\ | !'");
  });

  it('gives nothing for nothing', async () => {
    expect(await worth([])).toBeNull();
  });
});

describe('the keyword leg of a hybrid search', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;

  beforeEach(async () => {
    database = await createTestDatabase();
    workspaceId = (await createWorkspace(database.application)).id;
    collectionId = await createCollection(database.application, workspaceId);
  });
  afterEach(() => database.close());

  const write = async (texts: readonly string[]) => {
    for (const [index, text] of texts.entries())
      await createDocument(database.application, workspaceId, collectionId, {
        name: text,
        chunks: [{ text, vector: new Float32Array(1_536).fill(0.01 * (index + 1)) }],
      });
    await database.application.inWorkspace({ workspaceId }, (db) => recountStatistics(db, workspaceId));
  };
  const found = async (question: string, wanted: number): Promise<string[]> => {
    const { rows } = await database.application.inWorkspace({ workspaceId }, (db) =>
      db.query<{ name: string }>(
        `SELECT d.name FROM dbrag.bm25_candidates($1, '{english,simple}', NULL, $2, 1, NULL, NULL, NULL) k
         JOIN dbrag.documents d ON d.workspace_id = $3 AND d.id = k.document_id ORDER BY k.score DESC`,
        [question, wanted, workspaceId],
      ),
    );
    return rows.map(({ name }) => name);
  };

  it('finds the text that holds most words of a question of many', async () => {
    const words = 'aardvark bassoon cathode dynamo ellipse fjord gondola harpoon isotope jackal kettle lantern'.split(
      ' ',
    );
    const best = `manual: ${words.slice(5).join(' ')}`;
    await write([
      ...words.slice(0, 5).map((word) => `a note that mentions ${word} among other remarks`),
      ...words.slice(5).map((word) => `another remark on ${word} alone`),
      best,
    ]);
    expect((await found(words.join(' '), 50))[0]).toBe(best);
  });

  it('finds as many as are wanted of words that avoid each other', async () => {
    await write([
      ...Array.from({ length: 115 }, (_, n) => `alpha note ${n}`),
      ...Array.from({ length: 115 }, (_, n) => `beta note ${n}`),
      'alpha beta',
    ]);
    const names = await found('alpha beta', 10);
    expect(names[0]).toBe('alpha beta');
    expect(names).toHaveLength(10);
  });

  it('weighs no common word where rarer ones gave as much as is needed', async () => {
    await write(Array.from({ length: 60 }, (_, n) => `${n < 3 ? 'zebra' : 'river'} note ${n}`));
    await database.application.inWorkspace({ workspaceId }, async (db) => {
      await db.query('UPDATE dbrag.corpus_statistics SET chunks = 100000 WHERE workspace_id = $1', [workspaceId]);
      await db.query('UPDATE dbrag.term_statistics SET chunks = 50000 WHERE workspace_id = $1 AND chunks = 57', [
        workspaceId,
      ]);
    });
    expect(await found('zebra river', 50)).toHaveLength(3);
  });
});
