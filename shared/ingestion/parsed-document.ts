import type { TextFormat } from './boundaries.ts';

/** A document as text: well-formed Unicode, without NUL, lines ended by `\n`. Every offset in the product counts its UTF-16 units. */
export interface ParsedDocument {
  readonly text: string;
  readonly format: TextFormat;
  /** What the bytes turned out to be. */
  readonly mediaType: string;
  /** Where each page begins, for formats that have pages. */
  readonly pageStarts?: readonly number[];
}
