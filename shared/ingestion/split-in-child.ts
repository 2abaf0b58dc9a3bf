import { DocumentError } from '../core/document-errors.ts';
import { askChild, isLastWord } from './kept-child.ts';
import { defaultParseLimits } from './parse-in-child.ts';
import type { FinalReply, SplitRequest } from './parse-in-child-contract.ts';
import type { Frame } from './parse-in-child-frames.ts';
import type { Chunk } from './split.ts';
import type { SentChunk } from './split-text.ts';

/** A text took the process with it that it was read or split in: a fault of that text, or of our code with it. */
export class EndedItsProcess extends Error {
  override readonly name = 'EndedItsProcess';
}

/** What a small text may take; a slow machine splits 64 KiB in a tenth of a second. */
export const smallTextLimits = { ...defaultParseLimits, timeoutMilliseconds: 10_000 };

/**
 * Reads and splits a text in a process of its own, so that one that no process survives takes no others with it.
 * @returns undefined for a text of `mostChunks` or more
 * @throws DocumentError the document's own faults; EndedItsProcess
 */
export async function splitInChild(
  bytes: Uint8Array,
  {
    chunking,
    mostChunks,
    name,
    contentType,
    limits = smallTextLimits,
  }: Partial<SplitRequest> & Omit<SplitRequest, 'limits'>,
): Promise<readonly Chunk[] | undefined> {
  const request = { chunking, mostChunks, name, contentType, limits };
  const { header, body } = await askChild(request, bytes).catch((error: unknown): Frame<FinalReply> => {
    if (error instanceof DocumentError)
      throw new EndedItsProcess('The text ended the process that read it.', { cause: error });
    throw error;
  });
  if (header.outcome === 'too_many') return undefined;
  if (header.outcome === 'refused') {
    if (isLastWord(header)) throw new EndedItsProcess(`The text ended the process that read it: ${header.detail}`);
    throw header.code ? new DocumentError(header.code, header.message) : new Error(header.message);
  }
  if (header.outcome !== 'split') throw new Error('A splitter was asked, and answers something else.');
  const sent = JSON.parse(new TextDecoder().decode(body)) as SentChunk[];
  return sent.map((chunk) => ({ ...chunk, contentHash: Buffer.from(chunk.contentHash, 'base64') }));
}
