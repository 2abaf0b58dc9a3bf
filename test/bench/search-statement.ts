/**
 * How much search costs over a bare vector query on the same rows: `node test/bench/search-statement.ts [chunks]`, with
 * LOCAL_DATABASE_URL set to a native server. Prints p50 and p95 in milliseconds at concurrency 1, and ratios of p50.
 */
import pg from 'pg';
import { encodeHalfvec } from '../../shared/adapters/postgres/binary-vectors.ts';
import { Halfvec } from '../../shared/core/database.ts';
import { type SearchMode, search } from '../../shared/retrieval/search.ts';
import { createTestDatabase, openTestDatabase } from '../support/database.ts';
import { testModel } from '../support/database-content.ts';
import { buildVectorIndex } from './search-corpus.ts';
import { type Corpus, loadCorpus } from './search-statement-corpus.ts';

const chunks = Number(process.argv[2] ?? 100_000);
const runs = 400;

async function measure(name: string, work: () => Promise<unknown>): Promise<number> {
  for (let index = 0; index < 50; index++) await work();
  const times: number[] = [];
  for (let index = 0; index < runs; index++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  times.sort((left, right) => left - right);
  const at = (share: number) => times[Math.floor(times.length * share)] as number;
  console.log(`${name.padEnd(34)} p50 ${at(0.5).toFixed(2)}  p95 ${at(0.95).toFixed(2)}`);
  return at(0.5);
}

const database = await createTestDatabase({ partitions: 16 });
if (!database.native) throw new Error('set LOCAL_DATABASE_URL: an embedded database says nothing about time');
const start = performance.now();
const corpus: Corpus = await loadCorpus(database.application, database.admin, chunks);
console.log(`loaded ${chunks} chunks in ${((performance.now() - start) / 1000).toFixed(1)} s`);
const partition = await buildVectorIndex(database.admin, corpus.workspaceId, testModel);
console.log(`indexed after ${((performance.now() - start) / 1000).toFixed(1)} s`);

const bare = new pg.Client({ connectionString: database.adminUrl });
await bare.connect();
await bare.query('SET hnsw.ef_search = 100');
const bareQuery = (name?: string) => () =>
  bare.query({
    ...(name ? { name } : {}),
    text: `SELECT e.document_id, c.text, e.embedding <=> $1 AS distance FROM ${partition} e
      JOIN ${partition.replace('embeddings', 'chunks')} c USING (workspace_id, document_id, content_hash)
      WHERE e.model = '${testModel}' ORDER BY e.embedding <=> $1 LIMIT 10`,
    values: [encodeHalfvec(corpus.question().vector)],
  });

const base = await measure('bare, unnamed', bareQuery());
await measure('bare, named', bareQuery('bare'));
for (const preparedStatements of [false, true]) {
  const application = openTestDatabase(database.applicationUrl, { preparedStatements });
  const run = (mode: SearchMode) => async () => {
    const question = corpus.question();
    const hits = await application.inWorkspace({ workspaceId: corpus.workspaceId }, (db) =>
      search(db, { workspaceId: corpus.workspaceId, mode, ...question, model: testModel, limit: 10 }),
    );
    if (hits.length !== 10) throw new Error(`${mode}: ${hits.length} hits`);
  };
  await measure('transaction around SELECT 1', () =>
    application.inWorkspace({ workspaceId: corpus.workspaceId }, (db) => db.query('SELECT 1')),
  );
  await measure('candidates alone', () =>
    application.inWorkspace({ workspaceId: corpus.workspaceId }, (db) =>
      db.query('SELECT * FROM dbrag.semantic_candidates($1, $2, 10, NULL, NULL, NULL, 20000)', [
        new Halfvec(corpus.question().vector),
        testModel,
      ]),
    ),
  );
  for (const mode of ['semantic', 'keyword', 'hybrid'] as const) {
    const p50 = await measure(`${mode}, ${preparedStatements ? 'named' : 'unnamed'}`, run(mode));
    console.log(`  ${(p50 / base).toFixed(2)} x bare`);
  }
  await application.close();
}
await bare.end();
if (!process.argv.includes('--keep')) await database.close();
else console.log(database.adminUrl);
process.exit(0);
