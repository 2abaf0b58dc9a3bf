import { DocumentError } from '../core/document-errors.ts';
import { parse } from './parse.ts';
import type { ChildReply, SplitRequest, TextToSplit } from './parse-in-child-contract.ts';
import type { Frame } from './parse-in-child-frames.ts';
import { type Chunk, split } from './split.ts';
import { encodeSplits, type TextSplit } from './split-reply.ts';
import { loadTokenCounter } from './token-counter.ts';

/** In the child: reads and splits one text after another, and turns whatever happens into a reply. */
export async function splitTexts(
  { texts, mostChunks }: SplitRequest,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Frame<ChildReply>> {
  const splits: TextSplit[] = [];
  let at = 0;
  for (const text of texts) {
    splits.push(await splitText(text, bytes.subarray(at, at + text.bytes), mostChunks));
    at += text.bytes;
  }
  return { header: { outcome: 'split', residentBytes: process.memoryUsage.rss() }, body: encodeSplits(splits) };
}

async function splitText(text: TextToSplit, bytes: Uint8Array, mostChunks: number): Promise<TextSplit> {
  try {
    const document = await parse(bytes, text);
    const counter = await loadTokenCounter();
    const chunks: Chunk[] = [];
    for (const chunk of split(document, text.chunking, counter))
      if (chunks.push(chunk) === mostChunks) return { outcome: 'too_many' };
    return { outcome: 'split', text: document.text, chunks };
  } catch (error) {
    const { message } = error as Error;
    return { outcome: 'refused', ...(error instanceof DocumentError ? { code: error.code } : {}), message };
  }
}
