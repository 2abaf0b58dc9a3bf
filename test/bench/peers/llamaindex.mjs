/**
 * LlamaIndex.TS on the same corpus: split, embed, insert. Run by `npm run bench:ingest` as `langchain.mjs` is; prints the same.
 *
 * `defaults`: its sentence splitter, ten inputs a request, one request after the other. `tuned`: requests as full as the provider allows.
 * Either way it inserts a thousand rows a statement, since a statement of its store for all of them has more parameters than Postgres takes. No vector
 * index, text index, or tenants. Its packages are marked as no longer maintained.
 */
import { SentenceSplitter } from '@llamaindex/core/node-parser';
import { Document } from '@llamaindex/core/schema';
import { OpenAIEmbedding } from '@llamaindex/openai';
import { PGVectorStore } from '@llamaindex/postgres';
import pg from 'pg';
import { markdownDocument } from '../markdown-corpus.ts';

const { databaseUrl, modelUrl, documents, first, mode, table } = JSON.parse(process.argv[2]);
/** Tokens, as our default settings have it. */
const [chunkSize, chunkOverlap] = [400, 40];
/** Below the 300,000 tokens of a request. */
const inputsPerRequest = 700;
const rowsPerStatement = 1_000;

const embedModel = new OpenAIEmbedding({
  ...{ apiKey: 'bench', model: 'text-embedding-3-small', baseURL: modelUrl },
  ...(mode === 'tuned' ? { embedBatchSize: inputsPerRequest } : {}),
});
const store = new PGVectorStore({
  clientConfig: { connectionString: databaseUrl },
  ...{ tableName: table, dimensions: 1_536, embedModel },
});
await store.client();
const splitter = new SentenceSplitter({ chunkSize, chunkOverlap });
const texts = Array.from({ length: documents }, (_, number) => markdownDocument(first + number));

const started = performance.now();
const nodes = splitter.getNodesFromDocuments(
  texts.map(({ name, content }) => new Document({ text: content, metadata: { source: name } })),
);
const embedded = await embedModel(nodes);
for (let from = 0; from < embedded.length; from += rowsPerStatement)
  await store.add(embedded.slice(from, from + rowsPerStatement));
const seconds = (performance.now() - started) / 1_000;

const client = new pg.Client({ connectionString: databaseUrl });
await client.connect();
const { rows } = await client.query(`SELECT count(*)::int AS count FROM public.${table}`);
if (rows[0].count !== nodes.length) throw new Error(`${rows[0].count} of ${nodes.length} rows`);
await client.query(`DROP TABLE public.${table}`);
await client.end();
process.stdout.write(`${JSON.stringify({ seconds, chunks: nodes.length })}\n`, () => process.exit());
