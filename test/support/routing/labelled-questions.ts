import { LexicalEmbedder } from '../../../infra/local/models/embedding/lexical-embedder.ts';
import type { RoutingSignals } from '../../../shared/answering/route-features.ts';
import type { Reading } from '../../../shared/answering/route-question.ts';
import { clinicDomain } from './clinic.ts';
import type { RoutingDomain } from './domain.ts';
import { shopDomain } from './shop.ts';
import { softwareDomain } from './software.ts';

export const readings = ['documents', 'database', 'both', 'clarify'] as const satisfies readonly Reading[];

export interface LabelledQuestion extends RoutingSignals {
  readonly label: Reading;
  /** Kept for the measurement: no weight and no cue was chosen by it. */
  readonly keptBack: boolean;
}

const dimensions = 1_536;

/** Every question with how near the nearest table and passage are, by the embedder of the local cloud, which knows words alone. */
export function labelledQuestions(): LabelledQuestion[] {
  return [shopDomain, clinicDomain, softwareDomain].flatMap(questionsOf);
}

function questionsOf(domain: RoutingDomain): LabelledQuestion[] {
  const embedder = new LexicalEmbedder();
  const embed = (text: string) => embedder.embed(text, dimensions);
  const tables = domain.tables.map(embed);
  const passages = domain.passages.map(embed);
  return readings.flatMap((label) =>
    domain[label].map((question, at) => {
      const vector = embed(question);
      return {
        label,
        question,
        table: nearest(vector, tables),
        chunk: nearest(vector, passages),
        keptBack: at % 3 === 2,
      };
    }),
  );
}

/** Cosine: the vectors have length 1. */
function nearest(vector: Float32Array, others: readonly Float32Array[]): number {
  return Math.max(...others.map((other) => other.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0)));
}

const z = 1.959964;

/** Lower end of the 95 % interval of a share (Wilson 1927). */
export function lowerBound(right: number, all: number): number {
  if (all === 0) return 0;
  const share = right / all;
  const spread = z * Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2));
  return (share + z ** 2 / (2 * all) - spread) / (1 + z ** 2 / all);
}
