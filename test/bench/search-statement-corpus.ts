import type pg from 'pg';
import type { PostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';

export interface Corpus {
  readonly workspaceId: string;
  readonly collectionId: string;
  /** A question near some chunks, and words of one of them. */
  question(): { vector: Float32Array; text: string };
}

const dimensions = 1536;
const topics = 400;
const vocabulary = 20_000;

/**
 * `chunks` chunks in documents of 100, in one workspace: vectors scattered about 400 topics, as real embeddings are (independent
 * ones have no neighbours worth finding), texts of 80 words with the frequencies of a natural language (Zipf).
 */
export async function loadCorpus(
  database: PostgresDatabase,
  admin: pg.Client,
  chunks: number,
  seed = 7,
): Promise<Corpus> {
  const random = seededRandom(seed);
  const { id: workspaceId } = await createWorkspace(database, `corpus ${chunks}`);
  const collectionId = await createCollection(database, workspaceId);
  const centres = Array.from({ length: topics }, () => gaussian(random, dimensions));
  const vectorOf = (topic: number) => {
    const vector = gaussian(random, dimensions);
    const centre = centres[topic] as Float32Array;
    for (let index = 0; index < dimensions; index++)
      vector[index] = (centre[index] as number) + 0.8 * (vector[index] as number);
    return normalised(vector);
  };
  // Questions about a topic that nobody wrote of have no near neighbours, and no index finds the least far of all.
  const written: number[] = [];
  const word = () => `word${Math.floor(vocabulary ** random())}`;
  const textOf = (words: number) => Array.from({ length: words }, word).join(' ');
  for (let done = 0; done < chunks; done += 100) {
    const topic = Math.floor(random() * topics);
    written.push(topic);
    const texts = Array.from({ length: 100 }, () => ({ text: textOf(80), vector: vectorOf(topic) }));
    await createDocument(database, workspaceId, collectionId, {
      chunks: texts,
      metadata: { topic, parity: topic % 2 },
    });
  }
  await countTerms(admin, workspaceId);
  return {
    workspaceId,
    collectionId,
    question: () => ({ vector: vectorOf(written[Math.floor(random() * written.length)] as number), text: textOf(6) }),
  };
}

async function countTerms(admin: pg.Client, workspaceId: string): Promise<void> {
  await admin.query(
    `INSERT INTO dbrag.term_statistics (workspace_id, term, chunks)
     SELECT $1, dbrag.term_of(lexeme), count(*) FROM dbrag.chunks, unnest(search) WHERE workspace_id = $1 GROUP BY 2
     ON CONFLICT DO NOTHING`,
    [workspaceId],
  );
  await admin.query(
    `UPDATE dbrag.corpus_statistics SET chunks = (SELECT count(*) FROM dbrag.chunks WHERE workspace_id = $1), languages = '{english}' WHERE workspace_id = $1`,
    [workspaceId],
  );
}

function gaussian(random: () => number, length: number): Float32Array {
  const vector = new Float32Array(length);
  // The sum of four uniform numbers is near enough and six times as fast as Box-Muller.
  for (let index = 0; index < length; index++) vector[index] = random() + random() + random() + random() - 2;
  return vector;
}

function normalised(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const component of vector) sum += component * component;
  const length = Math.sqrt(sum);
  return vector.map((component) => component / length);
}
