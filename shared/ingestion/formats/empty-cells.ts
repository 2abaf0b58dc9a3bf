import { TextBuilder } from './expansion-limits.ts';

const emptyCell = /<(?:c|row)(\s[^<>]*)\/>|<c(\s[^<>]*)>\s*<\/c>/g;
const emptyRow = /<row(\s[^<>]*)>\s*<\/row>/g;

/**
 * A worksheet without its empty cells and rows: a table that was formatted down to the last row has a million of them, and each is an
 * object to the library. What names no place of its own stands where those before it end, so it stays.
 */
export function withoutEmptyCells(xml: string): string {
  return without(without(xml, emptyCell), emptyRow);
}

/** Match by match: `replace` with a function holds all matches at once. */
function without(xml: string, pattern: RegExp): string {
  const text = new TextBuilder();
  let kept = 0;
  for (const { 0: whole, 1: attributes, 2: ofPair, index } of xml.matchAll(pattern)) {
    if (!/\sr="/.test(attributes ?? ofPair ?? '')) continue;
    text.add(xml.slice(kept, index));
    kept = index + whole.length;
  }
  if (kept === 0) return xml;
  text.add(xml.slice(kept));
  return text.toString();
}
