import { TextBuilder } from './expansion-limits.ts';

/** Plain lines that begin as headings or fences do, marked as text. */
export function escapeOutline(text: string): string {
  return text.replace(/^(#{1,6}(?=\s|$)|```|~~~)/gm, '\\$1');
}

/** Rows are filled up to the width of the widest: without a bound one wide row would widen every other. */
const mostColumns = 200;

/**
 * Writes blocks of Markdown from inline text that comes in pieces: whitespace is collapsed as browsers do, blocks are parted by one
 * blank line. Only what would change the outline is escaped, since every other backslash would stand between a word and its search.
 */
export class MarkdownWriter {
  private readonly text = new TextBuilder();
  private inline: string[] = [];
  private endsWithSpace = true;
  /** What stands before the first line of the next block, and before its further lines. */
  private marker = '';
  private indent = '';
  private separator = '';

  /** Where the next block will begin, at most: for page starts. */
  get length(): number {
    return this.text.length;
  }

  /** Inline text: runs of whitespace become one space. */
  addInline(piece: string): void {
    let collapsed = piece.replace(/[ \t\n\r\f]+/g, ' ');
    if (this.endsWithSpace && collapsed.startsWith(' ')) collapsed = collapsed.slice(1);
    if (collapsed === '') return;
    this.inline.push(collapsed);
    this.endsWithSpace = collapsed.endsWith(' ');
  }

  /** Two in a row are how many pages part their paragraphs. */
  addLineBreak(): void {
    if (this.inline.at(-1) === '\n') this.endBlock();
    if (this.inline.length === 0) return;
    this.inline.push('\n');
    this.endsWithSpace = true;
  }

  /** Ends the paragraph, if there is one. */
  endBlock(): void {
    const lines = this.inline
      .join('')
      .split('\n')
      .map((line) => line.trim());
    this.inline = [];
    this.endsWithSpace = true;
    const paragraph = lines.filter((line) => line !== '');
    if (paragraph.length > 0) this.addBlock(escapeOutline(paragraph.join('\n')));
  }

  addHeading(level: number, title: string): void {
    this.endBlock();
    const line = title.replace(/\s+/g, ' ').trim();
    if (line !== '') this.addBlock(`${'#'.repeat(Math.min(Math.max(level, 1), 6))} ${line}`);
  }

  /** A block as it is: a table, a fence. */
  addBlock(block: string): void {
    this.text.add(this.separator);
    const lines = block.split('\n');
    this.text.add(
      lines.map((line, i) => (i === 0 ? this.marker || this.indent : line && this.indent) + line).join('\n'),
    );
    this.separator = this.marker === '' && this.indent === '' ? '\n\n' : '\n';
    this.marker = '';
  }

  addCode(code: string): void {
    this.endBlock();
    const longest = Math.max(2, ...[...code.matchAll(/`{3,}/g)].map(([run]) => run.length));
    const fence = '`'.repeat(longest + 1);
    const lines = code.replace(/^\n+|\s+$/g, '');
    if (lines !== '') this.addBlock(`${fence}\n${lines}\n${fence}`);
  }

  /** Runs `write` with its first block after `marker` and all others indented as far. */
  inItem(marker: string, write: () => void): void {
    this.endBlock();
    const outer = this.indent;
    this.marker = outer + marker;
    this.indent = outer + ' '.repeat(marker.length);
    write();
    this.endBlock();
    this.indent = outer;
    this.marker = '';
  }

  /** After a list the next block is parted by a blank line again. */
  endList(): void {
    this.endBlock();
    if (this.indent === '' && this.text.length > 0) this.separator = '\n\n';
  }

  /** Rows of cells; the first is the header. Cells that are too many or too few are as they are. */
  addTable(rows: readonly (readonly string[])[]): void {
    this.endBlock();
    const filled = rows.filter((row) => row.some((cell) => cell.trim() !== ''));
    const width = filled.reduce((most, row) => Math.min(Math.max(most, row.length), mostColumns), 0);
    if (width === 0) return;
    const lines = filled.map((row) => tableLine(row, width));
    lines.splice(1, 0, `|${' --- |'.repeat(width)}`);
    this.addBlock(lines.join('\n'));
  }

  toString(): string {
    this.endBlock();
    return this.text.toString();
  }
}

function tableLine(row: readonly string[], width: number): string {
  const cells = Array.from({ length: width }, (_, i) =>
    (row[i] ?? '').replace(/\s+/g, ' ').trim().replaceAll('|', '\\|'),
  );
  return `| ${cells.join(' | ')} |`;
}
