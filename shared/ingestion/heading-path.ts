import type { Heading } from './markdown-lines.ts';

/** The headings above a place, outermost first. Asked in ascending order, it walks the document's headings once. */
export class HeadingPath {
  private readonly text: string;
  private readonly headings: readonly Heading[];
  private readonly open: Heading[] = [];
  private next = 0;

  constructor(text: string, headings: readonly Heading[]) {
    this.text = text;
    this.headings = headings;
  }

  /** For the chunk `[start, end)`: headings that it begins with count as above it. */
  at(start: number, end: number): readonly string[] {
    let bodyFrom = start;
    for (let heading = this.headings[this.next]; heading; heading = this.headings[this.next]) {
      if (heading.position > bodyFrom || heading.position >= end) break;
      while ((this.open.at(-1)?.level ?? 0) >= heading.level) this.open.pop();
      this.open.push(heading);
      this.next += 1;
      if (heading.position >= start) bodyFrom = this.afterBlankLines(heading.bodyStart);
    }
    return this.open.map((heading) => heading.title).filter((title) => title !== '');
  }

  private afterBlankLines(from: number): number {
    let position = from;
    while (position < this.text.length && this.text[position] === '\n') position += 1;
    return position;
  }
}
