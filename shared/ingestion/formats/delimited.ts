import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { decodeText, sanitise } from '../decode-text.ts';
import { detectEncoding } from '../detect-encoding.ts';
import type { Parser } from '../parse.ts';
import { declaredCharset } from '../sniff-type.ts';
import { TextBuilder } from './expansion-limits.ts';
import { columnName, columnNames, isHeader, record } from './records.ts';

const delimiters = [',', ';', '\t', '|'] as const;
const sampledLines = 20;
const sampledBytes = 65_536;

/** CSV and TSV: every row becomes a record of lines `header: value`, so that a passage of it can be understood alone. */
export const parseDelimited: Parser = async (bytes, { contentType, name }) => {
  const charset = declaredCharset(contentType);
  // Most files are UTF-8 already, and large ones are not copied for it.
  const isRead = isUtf8(bytes) && detectEncoding(bytes, charset).label === 'utf-8';
  const source = isRead ? bytes : Buffer.from(decodeText(bytes, { charset }));
  const sample = decodeText(sampleOf(source));
  const isTabbed = /\.(?:tsv|tab)$/i.test(name) || /^text\/(?:tsv|tab-separated-values)/i.test(contentType ?? '');
  const delimiter = isTabbed ? '\t' : likeliestDelimiter(sample);
  const text = sanitise(toRecords(source, delimiter));
  return { text, format: 'records', mediaType: delimiter === '\t' ? 'text/tab-separated-values' : 'text/csv' };
};

/** The file's beginning, cut behind a character of one byte. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  let end = Math.min(bytes.length, sampledBytes);
  if (end === bytes.length) return bytes;
  while (end > 0 && (bytes[end - 1] as number) >= 0x80) end -= 1;
  return bytes.subarray(0, end);
}

function toRecords(source: Uint8Array, delimiter: string): string {
  try {
    return readRecords(source, delimiter, true);
  } catch (error) {
    // A quote that is never closed would swallow the rest of the file: here it is a sign like any other.
    if (error instanceof CsvError) return readRecords(source, delimiter, false);
    throw error;
  }
}

function readRecords(source: Uint8Array, delimiter: string, hasQuotes: boolean): string {
  const text = new TextBuilder();
  let names: readonly string[] | undefined;
  let header = '';
  const add = (row: readonly string[]): void => {
    const lines = record(names ?? [], row);
    if (lines !== '') text.add(text.length === 0 ? lines : `\n\n${lines}`);
  };
  parse(source, {
    delimiter,
    bom: true,
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
      // Nothing is collected: only the text is kept.
      return undefined;
    },
  });
  return text.length === 0 ? header : text.toString();
}

/** The delimiter that occurs equally often in the first lines, ignoring quoted parts. */
function likeliestDelimiter(sample: string): string {
  const lines = sample
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
