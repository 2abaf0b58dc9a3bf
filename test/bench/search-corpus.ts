import type pg from 'pg';
import type { Database } from '../../shared/core/database.ts';
import { parametersFor, predictBuild } from '../../shared/indexing/predict-build.ts';
import { createDocument } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';
import { FakeVectors } from '../support/fake-model-server/vectors.ts';

const dimensions = 1536;
/** The fake model server must be started with it, to know questions from the same space. */
export const vectorSeed = 7;
const topics = 400;
const vocabulary = 20_000;
const chunksPerDocument = 100;
/** Of a chunk to the centre of its topic; two chunks of one topic are then at .61, those of two topics at 0. */
const cosine = 0.78;
const wordsOfChunk = 80;
const wordsOfQuestion = 6;

/**
 * Texts with the frequencies of a natural language (Zipf), and vectors scattered about topics, as real embeddings are: independent
 * ones have no neighbours worth finding.
 */
class Generator {
  readonly #random: () => number;
  readonly #vectors = new FakeVectors(vectorSeed);

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  topic(): number {
    return Math.floor(this.#random() * topics);
  }

  chunk(topic: number): { text: string; vector: Float32Array } {
    const text = this.#words(wordsOfChunk);
    return { text, vector: this.#vectors.vector(`${text} ${marker(topic)}`, dimensions) };
  }

  /** Names its topic, so that the fake model server puts it near that topic's chunks. */
  question(): string {
    return `${this.#words(wordsOfQuestion)} ${marker(this.topic())}`;
  }

  #words(count: number): string {
    return Array.from({ length: count }, () => `word${Math.floor(vocabulary ** this.#random())}`).join(' ');
  }
}

const marker = (topic: number): string => `[[topic:t${topic}@${cosine}]]`;

/** Questions of 6 words, always the same; each lies near the chunks of one topic. */
export function questions(count: number): string[] {
  const generator = new Generator(11);
  return Array.from({ length: count }, () => generator.question());
}

/** The vector that the fake model server gives for a text. */
export const vectorOf = (text: string): Float32Array => new FakeVectors(vectorSeed).vector(text, dimensions);

/** `chunks` chunks in documents of 100, in a workspace and collection that are there, with the statistics that a load leaves. */
export async function loadCorpus(
  database: Database,
  admin: pg.Client,
  place: { readonly workspaceId: string; readonly collectionId: string },
  chunks: number,
): Promise<void> {
  const generator = new Generator(7);
  for (let done = 0; done < chunks; done += chunksPerDocument) {
    const topic = generator.topic();
    await createDocument(database, place.workspaceId, place.collectionId, {
      chunks: Array.from({ length: Math.min(chunksPerDocument, chunks - done) }, () => generator.chunk(topic)),
      metadata: { topic, parity: topic % 2 },
    });
  }
  await countStatistics(admin, place.workspaceId);
}

/** The statistics that swaps and folds would have left. */
export async function countStatistics(admin: pg.Client, workspaceId: string): Promise<void> {
  await admin.query(
    `INSERT INTO dbrag.term_statistics (workspace_id, term, chunks)
     SELECT $1, dbrag.term_of(lexeme), count(*) FROM dbrag.chunks, unnest(search) WHERE workspace_id = $1 GROUP BY 2
     ON CONFLICT DO NOTHING`,
    [workspaceId],
  );
  await admin.query(
    `UPDATE dbrag.corpus_statistics s SET chunks = counted.chunks, tokens = counted.tokens, languages = counted.languages
     FROM (
       SELECT count(*) AS chunks, array_agg(DISTINCT language) AS languages,
         sum((SELECT sum(cardinality(positions)) FROM unnest(search))) AS tokens
       FROM dbrag.chunks WHERE workspace_id = $1
     ) AS counted WHERE s.workspace_id = $1`,
    [workspaceId],
  );
}

/** The name of the partition that holds a workspace's vectors. */
export async function partitionOf(admin: pg.Client, workspaceId: string): Promise<string> {
  const { rows } = await admin.query<{ partition: string }>(
    'SELECT tableoid::regclass::text AS partition FROM dbrag.embeddings WHERE workspace_id = $1 LIMIT 1',
    [workspaceId],
  );
  return (rows[0] as { partition: string }).partition;
}

/** The partition of a workspace gets the index on vectors that the autopilot builds where there is memory for it. @returns the partition */
export async function buildVectorIndex(admin: pg.Client, workspaceId: string, model: string): Promise<string> {
  const partition = await partitionOf(admin, workspaceId);
  const { rows } = await admin.query<{ vectors: number }>(`SELECT count(*)::int AS vectors FROM ${partition}`);
  const vectors = rows[0]?.vectors ?? 0;
  const graph = parametersFor(vectors);
  const { memoryBytes } = predictBuild('hnsw', vectors, dimensions, graph);
  // What does not fit is built row by row, which takes three times as long.
  await admin.query(`SET maintenance_work_mem = '${Math.ceil((memoryBytes * 1.1) / 1_024)}kB'`);
  await admin.query(
    `CREATE INDEX ON ${partition} USING hnsw (embedding halfvec_cosine_ops)
     WITH (m = ${graph.m}, ef_construction = ${graph.ef_construction}) WHERE model = '${model}'`,
  );
  await admin.query('VACUUM ANALYZE');
  return partition;
}
