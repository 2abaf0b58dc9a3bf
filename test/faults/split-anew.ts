import { createHash } from 'node:crypto';
import { parse } from '../../shared/ingestion/parse.ts';
import { defaultChunking, split } from '../../shared/ingestion/split.ts';
import { loadTokenCounter } from '../../shared/ingestion/token-counter.ts';
import type { Accepted } from './traffic.ts';

/** SHA-256 (hex) of the chunks that a document must have, in their order: parsed and split here, far from any fault. */
export async function splitAnew({ name, contentType, content }: Accepted): Promise<readonly string[]> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const document = await parse(bytes, { name, contentType });
  const counter = await loadTokenCounter();
  return [...split(document, defaultChunking, counter)].map(({ text }) =>
    createHash('sha256').update(text).digest('hex'),
  );
}
