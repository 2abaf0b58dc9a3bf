import { CsvError, parse } from 'csv-parse/sync';
import { decodeText, sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { declaredCharset } from '../sniff-type.ts';
import { TextBuilder } from './expansion-limits.ts';
import { columnName, columnNames, isHeader, record } from './records.ts';

const delimiters = [',', ';', '\t', '|'] as const;
const sampledLines = 20;

/** CSV and TSV: every row becomes a record of lines `header: value`, so that a passage of it can be understood alone. */
export const parseDelimited: Parser = async (bytes, { contentType, name }) => {
  const source = decodeText(bytes, declaredCharset(contentType)).replace(/^\ufeff/, '');
  const isTabbed = /\.(?:tsv|tab)$/i.test(name) || /^text\/(?:tsv|tab-separated-values)/i.test(contentType ?? '');
  const delimiter = isTabbed ? '\t' : likeliestDelimiter(source);
  const text = sanitise(toRecords(source, delimiter));
  return { text, format: 'plain', mediaType: delimiter === '\t' ? 'text/tab-separated-values' : 'text/csv' };
};

function toRecords(source: string, delimiter: string): string {
  try {
    return readRecords(source, delimiter, true);
  } catch (error) {
    // A quote that is never closed would swallow the rest of the file: here it is a sign like any other.
    if (error instanceof CsvError) return readRecords(source, delimiter, false);
    throw error;
  }
}

function readRecords(source: string, delimiter: string, hasQuotes: boolean): string {
  const text = new TextBuilder();
  let names: readonly string[] | undefined;
  let header = '';
  const add = (row: readonly string[]): void => {
    const lines = record(names ?? [], row);
    if (lines !== '') text.add(text.length === 0 ? lines : `\n\n${lines}`);
  };
  parse(source, {
    delimiter,
    // Rows of the wild have any length, and quotes in the middle of a cell.
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    ...(hasQuotes ? {} : { quote: false }),
    on_record: (row: string[]) => {
      if (names) add(row);
      else if (isHeader(row)) {
        names = columnNames(row);
        header = names.join('\n');
      } else {
        names = row.map((_, i) => columnName(i));
        add(row);
      }
      // Nothing is collected: the text is all that is kept.
      return undefined;
    },
  });
  return text.length === 0 ? header : text.toString();
}

/** The delimiter that stands equally often in the first lines, quoted parts left out. */
function likeliestDelimiter(source: string): string {
  const lines = source
    .slice(0, 65_536)
    .replace(/"(?:[^"]|"")*"/g, '')
    .split(/\r?\n|\r/)
    .slice(0, sampledLines);
  const rows = lines.filter((line) => line.trim() !== '');
  let best: { delimiter: string; score: number } = { delimiter: ',', score: 0 };
  for (const delimiter of delimiters) {
    const counts = rows.map((line) => line.split(delimiter).length - 1);
    const usual = counts[0] ?? 0;
    const score = usual === 0 ? 0 : counts.filter((count) => count === usual).length * (1 + usual / 100);
    if (score > best.score) best = { delimiter, score };
  }
  return best.delimiter;
}
