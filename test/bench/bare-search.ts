/**
 * The fastest honest plain server for the same rows: one statement over the same index as the superuser, prepared, on `node:http`
 * and `pg`; no tenants, no keys, no limits, no validation. The vectors of questions are in memory, as the handler's are when warm.
 *
 * `/cached` answers from the same Redis that the handler asks, and never looks whether that is still true.
 *
 * node test/bench/bare-search.ts <admin URL> <partition of embeddings> <model> <Redis URL> [connections]; prints its port.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { encodeHalfvec } from '../../shared/adapters/postgres/binary-vectors.ts';
import { connectRedis } from '../../shared/adapters/redis/redis-client.ts';
import { vectorOf } from './search-corpus.ts';

const [databaseUrl, partition, model, redisUrl, connections = '8'] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
];
const redis = await connectRedis(redisUrl, (error) => process.stderr.write(`${String(error)}\n`));

const pool = new pg.Pool({
  connectionString: databaseUrl,
  max: Number(connections),
  options: '-c hnsw.ef_search=100',
});
const text = `SELECT near.document_id, c.text, 1 - near.distance AS score
  FROM (
    SELECT workspace_id, document_id, content_hash, embedding <=> $1 AS distance FROM ${partition}
    WHERE model = '${model}' ORDER BY embedding <=> $1 LIMIT 10
  ) near
  JOIN ${partition.replace('embeddings', 'chunks')} c USING (workspace_id, document_id, content_hash)
  ORDER BY near.distance`;

const known = new Map<string, Buffer>();

function embed(question: string): Buffer {
  const kept = known.get(question);
  if (kept) return kept;
  const vector = encodeHalfvec(vectorOf(question));
  known.set(question, vector);
  return vector;
}

async function search(query: string): Promise<string> {
  const { rows } = await pool.query({ name: 'search', text, values: [embed(query)] });
  return JSON.stringify({ data: rows });
}

async function searchCached(query: string): Promise<string> {
  const key = `bare:${query}`;
  const known = await redis.get(key);
  if (known !== null) return known;
  const answer = await search(query);
  await redis.set(key, answer, 'EX', 3_600);
  return answer;
}

async function answer(path: string, body: string, response: ServerResponse): Promise<void> {
  const { query } = JSON.parse(body) as { query: string };
  const found = path === '/cached' ? await searchCached(query) : await search(query);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(found) });
  response.end(found);
}

function readBody(request: IncomingMessage, use: (body: string) => void): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => use(Buffer.concat(parts).toString()));
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) =>
  readBody(request, (body) => {
    answer(request.url ?? '', body, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  }),
);
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.on('SIGTERM', () => process.exit(0));
