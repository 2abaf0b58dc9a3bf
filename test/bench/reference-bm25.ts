/** A text as its lexemes, each with how often it stands there. */
export type Lexemes = ReadonlyMap<string, number>;

const k1 = 1.2;
const b = 0.75;

/**
 * BM25 as the textbooks have it (Robertson and Walker; the idf of Lucene, which is never negative), in memory and exact: every
 * document, the true average length, no hashes, no candidates. What the database's own ranking is held against.
 */
export class ReferenceBm25 {
  readonly #documents: readonly { readonly id: string; readonly length: number; readonly lexemes: Lexemes }[];
  readonly #standsIn = new Map<string, number>();
  readonly #averageLength: number;

  constructor(documents: ReadonlyMap<string, Lexemes>) {
    this.#documents = [...documents].map(([id, lexemes]) => {
      let length = 0;
      for (const [lexeme, count] of lexemes) {
        length += count;
        this.#standsIn.set(lexeme, (this.#standsIn.get(lexeme) ?? 0) + 1);
      }
      return { id, length, lexemes };
    });
    this.#averageLength = this.#documents.reduce((sum, { length }) => sum + length, 0) / this.#documents.length;
  }

  /** Ids of the best `limit` documents, best first. */
  search(question: Lexemes, limit: number): string[] {
    const scored = this.#documents.flatMap(({ id, length, lexemes }) => {
      let score = 0;
      for (const [lexeme, asked] of question) {
        const occurs = lexemes.get(lexeme) ?? 0;
        const saturated = (occurs * (k1 + 1)) / (occurs + k1 * (1 - b + (b * length) / this.#averageLength));
        score += asked * this.#rarity(lexeme) * saturated;
      }
      return score > 0 ? [{ id, score }] : [];
    });
    return scored
      .sort((left, right) => right.score - left.score)
      .slice(0, limit)
      .map(({ id }) => id);
  }

  #rarity(lexeme: string): number {
    const standsIn = this.#standsIn.get(lexeme) ?? 0;
    return Math.log(1 + (this.#documents.length - standsIn + 0.5) / (standsIn + 0.5));
  }
}
