import type { Boundaries } from './boundaries.ts';
import type { Heading } from './markdown-lines.ts';

/** The headings above a place, outermost first. Asked in ascending order, it walks the document's headings once. */
export class HeadingPath {
  private readonly text: string;
  private readonly boundaries: Boundaries;
  private readonly open: Heading[] = [];
  /** Of what is open: one list for all chunks of a section. */
  private titles: readonly string[] = [];

  constructor(text: string, boundaries: Boundaries) {
    this.text = text;
    this.boundaries = boundaries;
  }

  /** For the chunk `[start, end)`: headings that it begins with count as above it. */
  at(start: number, end: number): readonly string[] {
    this.boundaries.readTo(end);
    const { headings } = this.boundaries;
    let bodyFrom = start;
    let passed = 0;
    for (let heading = headings[passed]; heading; heading = headings[passed]) {
      if (heading.position > bodyFrom || heading.position >= end) break;
      while ((this.open.at(-1)?.level ?? 0) >= heading.level) this.open.pop();
      this.open.push(heading);
      passed += 1;
      if (heading.position >= start) bodyFrom = this.afterBlankLines(heading.bodyStart);
    }
    headings.splice(0, passed);
    if (passed > 0) this.titles = this.open.map((heading) => heading.title).filter((title) => title !== '');
    return this.titles;
  }

  private afterBlankLines(from: number): number {
    let position = from;
    while (position < this.text.length && this.text[position] === '\n') position += 1;
    return position;
  }
}
