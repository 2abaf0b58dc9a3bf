/**
 * LangChain.js on the same corpus: split, embed, insert. Run by `npm run bench:ingest` in a process of its own, with its settings as
 * JSON; prints `{"seconds", "chunks"}`. Seconds from the first text to the last row, connections open before.
 *
 * `defaults` is the documented way: `addDocuments` with everything, each setting as it comes. `tuned` is the fastest that we found
 * (2 cores, Postgres on the same machine): requests as full as the provider allows and four at a time, as ours; several
 * `addDocuments` beside each other on a pool of connections; statements of 100 rows, since those of 500 spend longer being parsed;
 * newlines stay; no index while rows come in. `each` is the default, document by
 * document, as they come to a service. None has a vector index, a text index, or tenants.
 */
import { PGVectorStore } from '@langchain/community/vectorstores/pgvector';
import { Document } from '@langchain/core/documents';
import { OpenAIEmbeddings } from '@langchain/openai';
import { RecursiveCharacterTextSplitter } from '@langchain/textsplitters';
import pg from 'pg';
import { markdownDocument } from '../markdown-corpus.ts';

const { databaseUrl, modelUrl, documents, first, mode, table } = JSON.parse(process.argv[2]);
const tuned = mode === 'tuned';
/** Tokens of a chunk under our default settings, at the four characters a token that LangChain's own documentation reckons with. */
const [chunkSize, chunkOverlap] = [400 * 4, 40 * 4];
/** Up to 260 tokens a chunk: 1,000 stay below the 300,000 of a request, 1,400 were refused. */
const inputsPerRequest = 1_000;
const besideEachOther = 4;

const pool = new pg.Pool({ connectionString: databaseUrl, max: tuned ? besideEachOther : 10 });
const embeddings = new OpenAIEmbeddings({
  apiKey: 'bench',
  model: 'text-embedding-3-small',
  configuration: { baseURL: modelUrl },
  ...(tuned ? { batchSize: inputsPerRequest, maxConcurrency: besideEachOther, stripNewLines: false } : {}),
});
const store = await PGVectorStore.initialize(embeddings, {
  pool,
  tableName: table,
  ...(tuned ? { chunkSize: 100 } : {}),
});
const splitter = RecursiveCharacterTextSplitter.fromLanguage('markdown', { chunkSize, chunkOverlap });
const texts = Array.from({ length: documents }, (_, number) => markdownDocument(first + number));

const started = performance.now();
const chunks = await splitter.splitDocuments(
  texts.map(({ name, content }) => new Document({ pageContent: content, metadata: { source: name } })),
);
if (tuned) {
  const share = Math.ceil(chunks.length / besideEachOther);
  const shares = Array.from({ length: besideEachOther }, (_, i) => chunks.slice(i * share, (i + 1) * share));
  await Promise.all(shares.map((part) => store.addDocuments(part)));
} else if (mode === 'each') {
  for (const ofOne of Map.groupBy(chunks, ({ metadata }) => metadata.source).values()) await store.addDocuments(ofOne);
} else {
  await store.addDocuments(chunks);
}
const seconds = (performance.now() - started) / 1_000;

const { rows } = await pool.query(`SELECT count(*)::int AS count FROM ${table}`);
if (rows[0].count !== chunks.length) throw new Error(`${rows[0].count} of ${chunks.length} rows`);
await pool.query(`DROP TABLE ${table}`);
await store.end();
process.stdout.write(`${JSON.stringify({ seconds, chunks: chunks.length })}\n`);
