import { DocumentError } from '../../core/document-errors.ts';
import { decodeText, sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { declaredCharset } from '../sniff-type.ts';
import { TextBuilder } from './expansion-limits.ts';
import { jsonParts } from './json-outline.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** JSON and JSON Lines: every value becomes a line `path: value`, every record of an array a block of its own. */
export const parseJson: Parser = async (bytes, { contentType }) => {
  const source = decodeText(bytes, { charset: declaredCharset(contentType), takesOver: true }).replace(/^\ufeff/, '');
  const parts = jsonParts(source);
  const writer = new RecordWriter();
  for (const { start, end, isElements } of parts) {
    const slice = source.slice(start, end);
    writer.root(parseStrictly(isElements ? `[${slice}]` : slice));
  }
  const isOneValue = parts.length === 1 || parts.some(({ isElements }) => isElements);
  const mediaType = isOneValue ? 'application/json' : 'application/x-ndjson';
  return { text: sanitise(writer.toString()), format: 'records', mediaType };
};

function parseStrictly(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) throw new DocumentError('corrupt_file', 'The file is not valid JSON.');
    throw error;
  }
}

class RecordWriter {
  private readonly text = new TextBuilder();
  private separator = '';

  root(value: Json): void {
    this.separate('\n\n');
    this.add('', value);
  }

  toString(): string {
    return this.text.toString();
  }

  private add(path: string, value: Json): void {
    if (Array.isArray(value)) this.addArray(path, value);
    else if (value !== null && typeof value === 'object')
      for (const [name, member] of Object.entries(value)) this.add(path === '' ? name : `${path}.${name}`, member);
    else if (value !== null && value !== '') this.addLine(path, String(value));
  }

  private addArray(path: string, values: readonly Json[]): void {
    if (values.every(isScalar)) {
      const list = values.filter((value) => value !== null && value !== '').join(', ');
      if (list !== '') this.addLine(path, list);
      return;
    }
    values.forEach((value, i) => {
      this.separate('\n\n');
      // Records of a list that is the whole file need no number: it would differ with every record that is added before them.
      this.add(path === '' ? '' : `${path}[${i}]`, value);
      this.separate('\n\n');
    });
  }

  private addLine(path: string, value: string): void {
    this.text.add(this.separator);
    this.text.add(path === '' ? value : `${path}: ${value}`);
    this.separator = '\n';
  }

  private separate(by: string): void {
    if (this.text.length > 0) this.separator = by;
  }
}

function isScalar(value: Json): boolean {
  return value === null || typeof value !== 'object';
}
