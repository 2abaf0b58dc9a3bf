/**
 * `npm run test:retrieval [-- --collection <directory>] [--documents 20000]`: how good the ranking is, against a reference BM25 in
 * memory. Over a generated collection, and over a judged one (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`) where a directory is given;
 * its texts are embedded by the local cloud's own embedder, which knows words and no meaning.
 */
import { parseArgs } from 'node:util';
import { LexicalEmbedder } from '../../infra/local/models/embedding/lexical-embedder.ts';
import { equalWeights, type FusionWeights, type SearchMode, search } from '../../shared/retrieval/search.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../support/database-content.ts';
import { exportEngines } from './engines.ts';
import { generateJudgedCollection, type JudgedCollection, readJudgedCollection } from './judged-collection.ts';
import { mean, ndcgAtTen } from './ranking-quality.ts';
import { type Lexemes, ReferenceBm25 } from './reference-bm25.ts';
import { countStatistics } from './search-corpus.ts';
import { median, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    collection: { type: 'string' },
    documents: { type: 'string', default: '20000' },
    questions: { type: 'string', default: '300' },
  },
});

interface Loaded {
  readonly collection: JudgedCollection;
  readonly workspaceId: string;
}

async function load(database: TestDatabase, collection: JudgedCollection): Promise<Loaded> {
  const { id: workspaceId } = await createWorkspace(database.application, 'judged');
  const collectionId = await createCollection(database.application, workspaceId);
  for (let first = 0; first < collection.documents.length; first += 500) {
    const slice = collection.documents.slice(first, first + 500);
    await createDocument(database.application, workspaceId, collectionId, {
      // A chunk is known by its text: the same text twice in a document would be one.
      chunks: slice.map(({ text, vector }) => ({ text: text || '-', ...(vector ? { vector } : {}) })),
      name: String(first),
    });
  }
  await countStatistics(database.admin, workspaceId);
  await database.admin.query('VACUUM ANALYZE');
  return { collection, workspaceId };
}

/** Asks all questions in a mode; rankings hold texts' ids by question. */
async function ask(database: TestDatabase, loaded: Loaded, mode: SearchMode, fusion: FusionWeights = equalWeights) {
  const idOfText = new Map(loaded.collection.documents.map(({ id, text }) => [text || '-', id]));
  const times: number[] = [];
  const rankings = new Map<string, string[]>();
  for (const question of loaded.collection.questions) {
    const started = performance.now();
    const hits = await database.application.inWorkspace({ workspaceId: loaded.workspaceId }, (db) =>
      search(db, {
        workspaceId: loaded.workspaceId,
        mode,
        vector: question.vector ?? null,
        model: testModel,
        text: question.text,
        limit: 10,
        fusion,
      }),
    );
    times.push(performance.now() - started);
    rankings.set(
      question.id,
      hits.map((hit) => idOfText.get(hit.text ?? '') ?? ''),
    );
  }
  return { quality: qualityOf(loaded, rankings), milliseconds: median(times) };
}

const qualityOf = ({ collection }: Loaded, rankings: ReadonlyMap<string, readonly string[]>): number =>
  mean(
    collection.questions.map(({ id }) => ndcgAtTen(rankings.get(id) ?? [], collection.relevant.get(id) ?? new Map())),
  );

/** The same lexemes for the reference: what is compared is the ranking, not the stemmer. */
async function lexemesOf(database: TestDatabase, texts: readonly { id: string; text: string }[]) {
  const { rows } = await database.admin.query<{ id: string; lexemes: string[]; counts: number[] }>(
    `SELECT id, array_agg(lexeme) AS lexemes, array_agg(cardinality(positions)) AS counts
     FROM unnest($1::text[], $2::text[]) AS t (id, text), unnest(to_tsvector('english', text)) GROUP BY id`,
    [texts.map(({ id }) => id), texts.map(({ text }) => text)],
  );
  return new Map<string, Lexemes>(
    rows.map(({ id, lexemes, counts }) => [
      id,
      new Map(lexemes.map((lexeme, index) => [lexeme, counts[index] as number])),
    ]),
  );
}

async function referenceQuality(database: TestDatabase, loaded: Loaded): Promise<number> {
  const reference = new ReferenceBm25(await lexemesOf(database, loaded.collection.documents));
  const questions = await lexemesOf(database, loaded.collection.questions);
  const rankings = [...questions].map(([id, lexemes]) => [id, reference.search(lexemes, 10)] as const);
  return qualityOf(loaded, new Map(rankings));
}

async function measure(database: TestDatabase, name: string, collection: JudgedCollection): Promise<void> {
  report(name, `${collection.documents.length} texts, ${collection.questions.length} questions`);
  const loaded = await load(database, collection);
  const reference = await referenceQuality(database, loaded);
  report('  reference BM25: nDCG@10', reference.toFixed(4));
  await reweigh(database, loaded.workspaceId, 1);
  const keyword = await ask(database, loaded, 'keyword');
  const semantic = await ask(database, loaded, 'semantic');
  const hybrid = await ask(database, loaded, 'hybrid');
  report('  keyword', `${keyword.quality.toFixed(4)}, p50 ${keyword.milliseconds.toFixed(2)} ms`, {
    text: '>= 0.99 x reference',
    met: keyword.quality >= 0.99 * reference,
  });
  report('  semantic', semantic.quality.toFixed(4));
  report('  hybrid', `${hybrid.quality.toFixed(4)}, p50 ${hybrid.milliseconds.toFixed(2)} ms`, {
    text: '> both legs',
    met: hybrid.quality > Math.max(keyword.quality, semantic.quality),
  });
  for (const keywordWeight of [0.25, 0.5, 0.75, 1.5, 2, 4]) {
    const { quality } = await ask(database, loaded, 'hybrid', { semantic: 1, keyword: keywordWeight });
    report(`  hybrid, keyword leg weighing ${keywordWeight}`, quality.toFixed(4));
  }
  for (const drift of [0.5, 0.67, 1.5, 2, 3]) {
    await reweigh(database, loaded.workspaceId, drift);
    const { quality } = await ask(database, loaded, 'keyword');
    report(
      `  keyword, reference length ${drift} x the average`,
      `${quality.toFixed(4)} (${(quality / reference).toFixed(3)} x reference)`,
    );
  }
}

/** Weighs all terms relative to so many times the true average length. */
async function reweigh(database: TestDatabase, workspaceId: string, drift: number): Promise<void> {
  await database.admin.query(
    `UPDATE dbrag.corpus_statistics SET reference_length = $2::real * tokens / chunks, weighing_after = $3 WHERE workspace_id = $1`,
    [workspaceId, drift, '00000000-0000-0000-0000-000000000000'],
  );
  await weighTerms(database.application, workspaceId, () => true);
}

/** Where only words are known: the embedder of the local cloud. */
function embedded(collection: JudgedCollection): JudgedCollection {
  const embedder = new LexicalEmbedder();
  const embed = <Text extends { text: string }>(each: Text) => ({ ...each, vector: embedder.embed(each.text, 1536) });
  return { ...collection, documents: collection.documents.map(embed), questions: collection.questions.map(embed) };
}

await exportEngines('retrieval');
const database = await createTestDatabase({ partitions: 16 });
await measure(database, 'generated', generateJudgedCollection(Number(values.documents), Number(values.questions)));
if (values.collection)
  await measure(database, values.collection, embedded(await readJudgedCollection(values.collection)));
await database.close();
process.exit();
