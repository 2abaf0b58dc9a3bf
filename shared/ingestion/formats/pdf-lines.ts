/** A run of text as pdf.js gives it. */
export interface PositionedText {
  readonly str: string;
  /** `[…, x, y]` of the run's start; y grows upwards. */
  readonly transform: readonly number[];
  readonly height: number;
  readonly hasEOL: boolean;
}

/** Lines further apart than this many line heights are paragraphs of their own. */
const paragraphGap = 1.7;

/** One page's text: lines as they are printed, a blank line where the gap between two is that of a paragraph. */
export function linesOfPage(items: readonly PositionedText[]): string {
  const pieces: string[] = [];
  let lineY: number | undefined;
  let isLineStart = true;
  for (const item of items) {
    if (isLineStart && item.str.trim() !== '') {
      const y = item.transform[5] ?? 0;
      const height = item.height || 10;
      const isParagraph = lineY !== undefined && Math.abs(lineY - y) > height * paragraphGap;
      if (isParagraph) pieces.push('\n');
      lineY = y;
      isLineStart = false;
    }
    pieces.push(item.str);
    if (item.hasEOL) {
      pieces.push('\n');
      isLineStart = true;
    }
  }
  return pieces
    .join('')
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n');
}
