import { DocumentError } from '../core/document-errors.ts';
import { parse } from './parse.ts';
import type { ChildReply, SplitRequest } from './parse-in-child-contract.ts';
import type { Frame } from './parse-in-child-frames.ts';
import { type Chunk, split } from './split.ts';
import { loadTokenCounter } from './token-counter.ts';

/** A chunk on its way from the child, where JSON has no bytes. */
export type SentChunk = Omit<Chunk, 'contentHash'> & { readonly contentHash: string };

/** In the child: reads and splits one text, and turns whatever happens into a reply. */
export async function splitText(request: SplitRequest, bytes: Uint8Array): Promise<Frame<ChildReply>> {
  try {
    const document = await parse(bytes, request);
    const counter = await loadTokenCounter();
    const chunks: SentChunk[] = [];
    for (const chunk of split(document, request.chunking, counter)) {
      if (chunks.push({ ...chunk, contentHash: chunk.contentHash.toString('base64') }) === request.mostChunks)
        return { header: { outcome: 'too_many', residentBytes: process.memoryUsage.rss() }, body: new Uint8Array(0) };
    }
    const body = new TextEncoder().encode(JSON.stringify(chunks));
    return { header: { outcome: 'split', residentBytes: process.memoryUsage.rss() }, body };
  } catch (error) {
    const { message } = error as Error;
    const code = error instanceof DocumentError ? { code: error.code } : {};
    const header = { outcome: 'refused', ...code, message, residentBytes: process.memoryUsage.rss() } as const;
    return { header, body: new Uint8Array(0) };
  }
}
