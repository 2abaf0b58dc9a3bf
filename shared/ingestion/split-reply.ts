import type { DocumentErrorCode } from '../core/document-errors.ts';
import type { Chunk } from './split.ts';

/** What became of one of the texts that a child was asked to split. */
export type TextSplit =
  | { readonly outcome: 'split'; readonly text: string; readonly chunks: readonly Chunk[] }
  | { readonly outcome: 'too_many' }
  /** Without a code it is no fault of the document. */
  | { readonly outcome: 'refused'; readonly code?: DocumentErrorCode; readonly message: string };

/** A chunk without what follows from its text and its place. */
type SentChunk = Omit<Chunk, 'text' | 'contentHash' | 'ordinal'>;
type SentSplit =
  | { readonly outcome: 'split'; readonly textBytes: number; readonly chunks: readonly SentChunk[] }
  | Exclude<TextSplit, { outcome: 'split' }>;

const hashBytes = 32;
const lengthBytes = 4;

/**
 * The body of a reply: the length of what follows, JSON without any text, and for each text that was split its UTF-8 and the hashes of its
 * chunks. Each text goes over once, whatever its chunks repeat of each other, and is no JSON: writing and reading that took as long as
 * the splitting.
 */
export function encodeSplits(splits: readonly TextSplit[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const sent = splits.map((split): SentSplit => {
    if (split.outcome !== 'split') return split;
    const text = Buffer.from(split.text);
    parts.push(text, ...split.chunks.map((chunk) => chunk.contentHash));
    const chunks = split.chunks.map(({ tokenCount, location, language }) => ({ tokenCount, location, language }));
    return { outcome: 'split', textBytes: text.length, chunks };
  });
  const json = Buffer.from(JSON.stringify(sent));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(json.length);
  const all = [length, json, ...parts];
  // In a buffer of its own, so that it can be handed to another thread.
  const body = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

export function decodeSplits(body: Uint8Array<ArrayBuffer>): TextSplit[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let at = lengthBytes;
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const sent = JSON.parse(take(bytes.readUInt32LE()).toString()) as SentSplit[];
  return sent.map((split): TextSplit => {
    if (split.outcome !== 'split') return split;
    const text = take(split.textBytes).toString();
    const chunks = split.chunks.map((chunk, ordinal): Chunk => {
      const { start, end } = chunk.location;
      return { ...chunk, ordinal, text: text.slice(start, end), contentHash: take(hashBytes) };
    });
    return { outcome: 'split', text, chunks };
  });
}
