interface QuoteCitation {
  readonly n: number;
  readonly kind: 'document';
  readonly document_name: string;
  readonly quote: string;
  readonly location: { readonly headings: readonly string[] };
}

interface ValueCitation {
  readonly n: number;
  readonly kind: 'sql';
  readonly value: string;
}

export interface Answer {
  readonly question: string;
  /** Null while the model is down. */
  readonly answer: string | null;
  readonly route: string;
  readonly citations: readonly (QuoteCitation | ValueCitation)[];
  readonly sql: {
    readonly statement: string;
    readonly row_count: number;
    readonly assumptions: readonly string[];
  } | null;
  readonly error: { readonly detail: string } | null;
  readonly model: string;
  readonly timing_ms: { readonly total: number };
}

const lineWidth = 110;
const shownCharacters = 100;

/** The question, its answer, and a line for each citation: where it stands and its words. */
export function showAnswer(shown: Answer): string {
  const { question, answer, route, citations, sql, error, model, timing_ms } = shown;
  const lines = citations.map((citation) => {
    if (citation.kind === 'sql') return `  [${citation.n}] the query below\n      ${citation.value}`;
    const { n, document_name, location, quote } = citation;
    const place = [document_name, location.headings.at(-1)].filter(Boolean).join(' › ');
    return `  [${n}] ${place}\n      “${cut(quote)}”`;
  });
  const statement = sql ? wrapped(sql.statement).map((line) => `      ${line}`) : [];
  const assumptions = (sql?.assumptions ?? []).map((each) => `      Assumed: ${each}`);
  const said = wrapped(answer ?? error?.detail ?? 'No answer').map((line) => `  ${line}`);
  const head = `\n${question}   (${route}, ${model}, ${Math.round(timing_ms.total)} ms)`;
  return [head, ...said, ...lines, ...statement, ...assumptions].join('\n');
}

/** A table with its rows and what is said of it. */
export function showTable(table: { table: string; row_estimate: number | null; description: string | null }): string {
  const rows = table.row_estimate === null ? '' : ` (${table.row_estimate.toLocaleString('en')} rows)`;
  return [`  ${table.table}${rows}`, ...wrapped(table.description ?? '').map((line) => `      ${line}`)].join('\n');
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line;
}

function wrapped(text: string): string[] {
  const lines: string[] = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= lineWidth) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

const barWidth = 30;

/** `[██████      ] 12/60 documents` */
export function progressBar(done: number, total: number): string {
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth);
  return `[${'█'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${done}/${total} documents`;
}
