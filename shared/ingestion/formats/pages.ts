import { TextBuilder } from './expansion-limits.ts';

/** Concatenates pages and records where each begins; pages without text count too. */
export class PageBuilder {
  private readonly text = new TextBuilder();
  private readonly starts: number[] = [];

  add(page: string): void {
    const trimmed = page.trim();
    if (trimmed !== '' && this.text.length > 0) this.text.add('\n\n');
    this.starts.push(this.text.length);
    this.text.add(trimmed);
  }

  finish(): { text: string; pageStarts: number[] } {
    return { text: this.text.toString(), pageStarts: this.starts };
  }
}
