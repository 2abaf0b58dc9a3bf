/** The kinds of Markdown lines that a splitter must know (CommonMark 0.31, sections 4.2 to 4.5 and 5.2; GFM tables). */
export interface Heading {
  /** Where the heading's line begins, and where the text under it begins. */
  readonly position: number;
  readonly bodyStart: number;
  /** 1 to 6. */
  readonly level: number;
  readonly title: string;
}

const longestTitle = 200;
const longestTitleLine = 1_000;
const mostFrontMatterLines = 100;

/** An ATX heading (`## Title`), or a Setext one: a line alone, underlined by `===` or `---`. */
export function headingAt(
  text: string,
  line: string,
  start: number,
  end: number,
  afterBlank: boolean,
): Heading | undefined {
  const atx = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/s.exec(line);
  // Bounded before it is searched: the search is quadratic in a run of spaces.
  if (atx) {
    const title = (atx[2] ?? '').slice(0, longestTitleLine).replace(/(?:^|[ \t]+)#+[ \t]*$/, '');
    return heading(start, end + 1, (atx[1] as string).length, title);
  }
  if (!afterBlank || /^(?: {4}|\t)/.test(line) || isListItem(line) || isTableRow(line)) return undefined;
  const nextEnd = text.indexOf('\n', end + 1);
  const next = text.slice(end + 1, nextEnd < 0 ? text.length : nextEnd);
  const underline = next.length > longestTitleLine ? null : /^ {0,3}(=+|-+)[ \t]*$/.exec(next);
  if (!underline || underline[1] === undefined || underline[1].length < 2) return undefined;
  return heading(start, end + 1 + next.length + 1, underline[1].startsWith('=') ? 1 : 2, line);
}

function heading(position: number, bodyStart: number, level: number, title: string): Heading {
  return { position, bodyStart, level, title: title.trim().slice(0, longestTitle).toWellFormed() };
}

/** @returns the mark that opens a fence, to be given to `closesFence` */
export function openedFence(line: string): string | undefined {
  return /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/.exec(line)?.[1];
}

/** A closing fence is at least as long as the opening one and has nothing behind it. */
export function closesFence(line: string, fence: string): boolean {
  const trimmed = line.trim();
  return trimmed.length >= fence.length && trimmed === (fence[0] as string).repeat(trimmed.length);
}

export function isTableRow(line: string): boolean {
  return /^ {0,3}\|/.test(line);
}

export function isListItem(line: string): boolean {
  return /^[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)/.test(line);
}

/** YAML between `---` lines at the very beginning, closed within a hundred lines. */
export function isFrontMatter(text: string): boolean {
  if (!/^---[ \t]*\n/.test(text)) return false;
  let start = text.indexOf('\n') + 1;
  for (let lines = 0; lines < mostFrontMatterLines && start > 0 && start < text.length; lines += 1) {
    if (/^---[ \t]*(?:\n|$)/.test(text.slice(start, start + 80))) return true;
    start = text.indexOf('\n', start) + 1;
  }
  return false;
}
