export interface SearchResult {
  readonly document_name: string;
  readonly score: number;
  readonly text: string;
}

const shownCharacters = 160;

/** One line a result: rank, document, score, and the beginning of its text. */
export function showResults(question: string, results: readonly SearchResult[]): string {
  const lines = results.map(({ document_name, score, text }, index) => {
    const beginning = text.replace(/\s+/g, ' ').trim().slice(0, shownCharacters);
    return `  ${index + 1}. ${document_name}  ${score.toFixed(3)}\n     ${beginning}`;
  });
  return [`\n${question}`, ...(lines.length > 0 ? lines : ['  nothing found'])].join('\n');
}

const barWidth = 30;

/** `[██████      ] 12/60 documents` */
export function progressBar(done: number, total: number): string {
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth);
  return `[${'█'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${done}/${total} documents`;
}
