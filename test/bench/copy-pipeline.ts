import pg from 'pg';
import { encodeHalfvec } from '../../shared/adapters/postgres/binary-vectors.ts';
import type { Embedder } from '../../shared/models/embedder.ts';
import { packRequests } from '../../shared/models/pack-requests.ts';
import { copy } from '../support/postgres-copy.ts';

export interface BareChunk {
  readonly documentId: string;
  readonly contentHash: Buffer;
  readonly text: string;
  readonly tokens: number;
  readonly bytes: number;
}

const requestsInFlight = 4;
const copyHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const copyTrailer = Buffer.from([0xff, 0xff]);

/**
 * The least that anybody must do to get vectors into rows: texts in memory, the same packed requests, four in flight, and each
 * answer copied as it comes into a table with the same columns and key, as the superuser. No lease, no swap, no counts, no usage.
 * @returns seconds
 */
export async function copyPipeline(
  databaseUrl: string,
  embedder: Embedder,
  chunks: readonly BareChunk[],
): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`DROP TABLE IF EXISTS public.bare_embeddings;
    CREATE TABLE public.bare_embeddings (document_id uuid, content_hash bytea, embedding halfvec(${embedder.dimensions}),
      PRIMARY KEY (document_id, content_hash))`);
  const started = performance.now();
  // One connection, one COPY at a time; answers meanwhile go on coming.
  let copied = Promise.resolve();
  const waiting = packRequests(chunks, embedder.limits).requests.values();
  const worker = async (): Promise<void> => {
    for (const request of waiting) {
      const texts = request.map((chunk) => chunk.text);
      const { vectors } = await embedder.embed(texts, { deadline: Date.now() + 60_000 });
      const rows = request.map((chunk, i) => row(chunk, vectors[i] as Float32Array));
      const data = [Buffer.concat([copyHeader, ...rows, copyTrailer])];
      copied = copied.then(
        async () => void (await copy(client, 'COPY public.bare_embeddings FROM STDIN (FORMAT binary)', data)),
      );
      await copied;
    }
  };
  await Promise.all(Array.from({ length: requestsInFlight }, worker));
  const seconds = (performance.now() - started) / 1_000;
  await client.query('DROP TABLE public.bare_embeddings');
  await client.end();
  return seconds;
}

function row({ documentId, contentHash }: BareChunk, vector: Float32Array): Buffer {
  const id = Buffer.from(documentId.replaceAll('-', ''), 'hex');
  const columns = [id, contentHash, encodeHalfvec(vector)];
  const count = Buffer.alloc(2);
  count.writeInt16BE(columns.length);
  const parts = columns.flatMap((column) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(column.length);
    return [length, column];
  });
  return Buffer.concat([count, ...parts]);
}
