/** A question's words by what they ask for. */
export interface QuestionWords {
  /** Everything that ranks: the question without what it excludes. Phrases rank by their words too. */
  readonly text: string;
  /** Quoted: a hit has every one of them, word after word. */
  readonly phrases: readonly string[];
  /** Behind a minus: a hit has none of them. */
  readonly excluded: readonly string[];
}

// A minus counts at the start of a word that has a letter or digit behind it: neither dashes between words nor `well-known`.
const operator = /(?<=^|\s)(-)?"([^"]*)"|(?<=^|\s)-([\p{L}\p{N}]\S*)/gu;

/** Reads the two signs of web search engines out of a question: `"quoted phrases"` and `-words` (or `-"phrases"`). */
export function parseQuestionWords(question: string): QuestionWords {
  const phrases: string[] = [];
  const excluded: string[] = [];
  const text = question.replaceAll(operator, (_, minus?: string, quoted?: string, word?: string) => {
    const words = quoted ?? word ?? '';
    if (/[\p{L}\p{N}]/u.test(words)) (minus || word !== undefined ? excluded : phrases).push(words);
    return minus || word !== undefined ? ' ' : ` ${words} `;
  });
  return { text, phrases, excluded };
}
