import type { DocumentErrorCode } from '../core/document-errors.ts';
import type { TextFormat } from './boundary-kinds.ts';
import type { FormatMediaType } from './formats/media-types.ts';
import type { SheetStart } from './parsed-document.ts';
import type { ChunkingSettings } from './split.ts';

export interface ParseLimits {
  /** Resident memory of the whole child, buffers outside the JavaScript heap included. */
  readonly memoryMegabytes: number;
  readonly timeoutMilliseconds: number;
}

/** To the child; the file's bytes follow. */
export interface ParseRequest {
  readonly mediaType: FormatMediaType;
  readonly name: string;
  readonly contentType: string | null;
  readonly limits: ParseLimits;
}

/** To the child: small texts are read and split there. Their bytes follow, one text after another. */
export interface SplitRequest {
  readonly texts: readonly TextToSplit[];
  /** A text with this many chunks or more is sent back unsplit. */
  readonly mostChunks: number;
  /** Of all texts together. */
  readonly limits: ParseLimits;
}

export interface TextToSplit {
  readonly chunking: ChunkingSettings;
  readonly name: string;
  readonly contentType: string | null;
  readonly bytes: number;
}

export type ChildRequest = ParseRequest | SplitRequest;

/** From the child; after `parsed` the text follows, in UTF-8; after `split` what became of each text (`split-reply.ts`). */
export type ChildReply =
  | { readonly outcome: 'ready' }
  | {
      readonly outcome: 'parsed';
      readonly format: TextFormat;
      readonly mediaType: string;
      readonly pageStarts?: readonly number[];
      readonly sheets?: readonly SheetStart[];
      /** The child's current memory. */
      readonly residentBytes: number;
    }
  | { readonly outcome: 'split'; readonly residentBytes: number }
  | {
      readonly outcome: 'refused';
      /** Missing when it is no fault of the document. */
      readonly code?: DocumentErrorCode;
      readonly message: string;
      /** The parser's message, for the log. */
      readonly detail?: string;
      /** Missing when this is the child's last word. */
      readonly residentBytes?: number;
    };

export type FinalReply = Exclude<ChildReply, { outcome: 'ready' }>;
