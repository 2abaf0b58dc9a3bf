import type { TextFormat } from './boundary-kinds.ts';

/**
 * A document as text: well-formed Unicode without NUL, lines ended by `\n`, otherwise as the file has it (no Unicode normalisation).
 * This text is what every location refers to: `text.slice(start, end)` is the chunk's own text, in UTF-16 units, as JavaScript, Java
 * and C# count. The same bytes and the same parser give the same text; it is not stored as a whole.
 */
export interface ParsedDocument {
  readonly text: string;
  readonly format: TextFormat;
  /** The detected type. */
  readonly mediaType: string;
  /** Where each page begins, for formats that have pages. */
  readonly pageStarts?: readonly number[];
  /** Where each sheet begins, in their order, for workbooks. */
  readonly sheets?: readonly SheetStart[];
}

export interface SheetStart {
  readonly name: string;
  readonly start: number;
}
