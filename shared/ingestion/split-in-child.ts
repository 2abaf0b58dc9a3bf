import { DocumentError } from '../core/document-errors.ts';
import { askChild, isLastWord } from './kept-child.ts';
import { defaultParseLimits } from './parse-in-child.ts';
import type { ParseLimits, TextToSplit } from './parse-in-child-contract.ts';
import type { Chunk } from './split.ts';
import { decodeSplits, type TextSplit } from './split-reply.ts';

/** A text took the process with it that it was read or split in: a fault of that text, or of our code with it. */
export class EndedItsProcess extends Error {
  override readonly name = 'EndedItsProcess';
}

/** Time limit for small texts together; a slow machine splits 64 KiB in a tenth of a second. */
export const smallTextLimits = { ...defaultParseLimits, timeoutMilliseconds: 10_000 };

export interface SmallText extends Omit<TextToSplit, 'bytes'> {
  readonly body: Uint8Array;
}

export interface SplitOptions {
  /** A text with this many chunks or more is sent back unsplit. */
  readonly mostChunks: number;
  readonly limits?: ParseLimits;
}

/** Chunks, or undefined for a text of `mostChunks` or more; or why not: a DocumentError is the document's own fault, or EndedItsProcess. */
export type SplitResult = PromiseSettledResult<readonly Chunk[] | undefined>;

/**
 * Reads and splits texts in a process of their own, so that one that no process survives takes no others with it. All go over in one
 * message, which is most of what a small text costs; where the process does not survive that, each is asked for by itself.
 * @returns of each text, in their order
 */
export async function splitInChild(texts: readonly SmallText[], options: SplitOptions): Promise<SplitResult[]> {
  if (texts.length === 0) return [];
  try {
    return (await ask(texts, options)).map(settle);
  } catch (reason) {
    if (!(reason instanceof EndedItsProcess)) throw reason;
    if (texts.length === 1) return [{ status: 'rejected', reason }];
  }
  const results: SplitResult[] = [];
  for (const text of texts) results.push(...(await splitInChild([text], options)));
  return results;
}

/** @throws EndedItsProcess when one of the texts did; Error when no process starts */
async function ask(
  texts: readonly SmallText[],
  { mostChunks, limits = smallTextLimits }: SplitOptions,
): Promise<readonly TextSplit[]> {
  const request = {
    texts: texts.map(({ name, contentType, chunking, body }) => ({ name, contentType, chunking, bytes: body.length })),
    mostChunks,
    limits,
  };
  const { header, body } = await askChild(request, Buffer.concat(texts.map((text) => text.body))).catch(
    (cause: unknown) => {
      if (cause instanceof DocumentError)
        throw new EndedItsProcess('The text ended the process that read it.', { cause });
      throw cause;
    },
  );
  if (header.outcome === 'refused' && isLastWord(header))
    throw new EndedItsProcess(`The text ended the process that read it: ${header.detail}`);
  if (header.outcome !== 'split') throw new Error('A splitter was asked, and answers something else.');
  return decodeSplits(body);
}

function settle(split: TextSplit): SplitResult {
  if (split.outcome === 'split') return { status: 'fulfilled', value: split.chunks };
  if (split.outcome === 'too_many') return { status: 'fulfilled', value: undefined };
  const { code, message } = split;
  return { status: 'rejected', reason: code ? new DocumentError(code, message) : new Error(message) };
}
