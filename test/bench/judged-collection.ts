import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { seededRandom } from '../support/database-random.ts';

/** Documents, questions, and how relevant which document is to which question (grades above 0). */
export interface JudgedCollection {
  readonly documents: readonly JudgedText[];
  readonly questions: readonly JudgedText[];
  readonly relevant: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export interface JudgedText {
  readonly id: string;
  readonly text: string;
  /** Known for generated texts; others are embedded by whoever needs it. */
  readonly vector?: Float32Array;
}

/** A collection in the form of BEIR: `corpus.jsonl`, `queries.jsonl`, and `qrels.tsv` (question, document, grade; with or without a header). */
export async function readJudgedCollection(directory: string): Promise<JudgedCollection> {
  const relevant = new Map<string, Map<string, number>>();
  for await (const line of linesOf(join(directory, 'qrels.tsv'))) {
    const [question = '', document = '', grade = ''] = line.split('\t');
    // A header has no number there.
    if (!(Number(grade) > 0)) continue;
    const judged = relevant.get(question) ?? new Map<string, number>();
    relevant.set(question, judged.set(document, Number(grade)));
  }
  const documents = await textsOf(join(directory, 'corpus.jsonl'));
  const questions = (await textsOf(join(directory, 'queries.jsonl'))).filter(({ id }) => relevant.has(id));
  return { documents, questions, relevant };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(path) })) if (line.trim() !== '') yield line;
}

async function textsOf(path: string): Promise<JudgedText[]> {
  const texts: JudgedText[] = [];
  for await (const line of linesOf(path)) {
    const entry = JSON.parse(line) as { _id: string; title?: string; text: string };
    texts.push({ id: entry._id, text: [entry.title, entry.text].filter(Boolean).join('\n') });
  }
  return texts;
}

const vocabulary = 30_000;
const documentsOfFacet = 4;
const facetsOfTopic = 10;
const dimensions = 1536;

/**
 * A collection whose relevance is known because it was made so: topics of ten facets of four documents each. A document's words are
 * half common (Zipf), the rest from its topic and its facet; questions ask with a few words of all three, and one of them is about a
 * facet (grade 2), whose topic is a little relevant too (grade 1). Vectors say the topic clearly and the facet vaguely, and every
 * fifth question has one that lies beside it: as words fail when they are common, vectors fail when a name is all that counts.
 */
export function generateJudgedCollection(size: number, questionCount: number, seed = 5): JudgedCollection {
  const random = seededRandom(seed);
  const pick = (words: readonly string[]) => words[Math.floor(words.length * random() ** 2)] as string;
  const common = () => `word${Math.floor(vocabulary ** random())}`;
  const rare = () => `word${Math.floor(vocabulary * (0.02 + 0.98 * random()))}`;
  const wordsOf = (count: number) => Array.from({ length: count }, rare);
  const direction = () => Float32Array.from({ length: dimensions }, () => random() + random() + random() - 1.5);
  const facets = Array.from({ length: Math.ceil(size / documentsOfFacet / facetsOfTopic) }, () => {
    const topic = { words: wordsOf(40), vector: direction() };
    return Array.from({ length: facetsOfTopic }, () => ({ topic, words: wordsOf(12), vector: direction() }));
  });
  type Facet = (typeof facets)[number][number];
  const text = (facet: Facet, length: number, shares: readonly [number, number]) =>
    Array.from({ length }, () => {
      const drawn = random();
      if (drawn < shares[0]) return pick(facet.words);
      return drawn < shares[0] + shares[1] ? pick(facet.topic.words) : common();
    }).join(' ');
  const vector = (facet: Facet, ofFacet: number, noise: number) => {
    const random = direction();
    return normalised(
      random.map(
        (each, index) =>
          noise * each + (facet.topic.vector[index] as number) + ofFacet * (facet.vector[index] as number),
      ),
    );
  };
  const flat = facets.flat().slice(0, Math.ceil(size / documentsOfFacet));
  const documents = flat.flatMap((facet, place) =>
    Array.from({ length: documentsOfFacet }, (_, index) => ({
      id: `d${place}-${index}`,
      text: text(facet, Math.round(30 * 8 ** random()), [0.06, 0.2]),
      vector: vector(facet, 0.35, 1.6),
    })),
  );
  const relevant = new Map<string, Map<string, number>>();
  const questions = Array.from({ length: questionCount }, (_, index) => {
    const place = Math.floor(random() * flat.length);
    const facet = flat[place] as Facet;
    const first = place - (place % facetsOfTopic);
    const judged = new Map<string, number>();
    for (let other = first; other < Math.min(flat.length, first + facetsOfTopic); other++)
      for (let document = 0; document < documentsOfFacet; document++)
        judged.set(`d${other}-${document}`, other === place ? 2 : 1);
    relevant.set(`q${index}`, judged);
    return {
      id: `q${index}`,
      text: text(facet, 7, [0.2, 0.3]),
      vector: vector(facet, 0.35, index % 5 === 0 ? 16 : 2.4),
    };
  });
  return { documents, questions, relevant };
}

function normalised(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
}
