import { routeCues } from './route-cues.ts';

/** What a question is routed by. */
export interface RoutingSignals {
  readonly question: string;
  /** Cosine of the question to the nearest table of the catalog; null where there is no table. */
  readonly table: number | null;
  /** Cosine of the question to the nearest chunk; null where nothing was found. */
  readonly chunk: number | null;
}

const twoParts = /,|\band (what|how|who|which|show|list|count|explain|tell|describe|when|where|does|do)\b/i;
const fewWords = 2;
const manyWords = 9;
/** Keeps the nearness of two that are both far from saying anything. */
const farAway = 0.05;

/**
 * Each between -1 and 1. How near tables and chunks are counts only against each other: how large a cosine is, is a habit of the
 * embedding model.
 */
export function routeFeatures({ question, table, chunk }: RoutingSignals): number[] {
  const { counts, tells, namesText, norm, words } = routeCues(question);
  const [near, far] = [Math.max(0, table ?? 0), Math.max(0, chunk ?? 0)];
  const parts = twoParts.test(question);
  const flags = [
    counts,
    tells,
    namesText,
    norm,
    words <= fewWords,
    counts && namesText,
    counts && norm,
    counts && tells,
    parts,
    parts && counts,
    words >= manyWords,
  ];
  return [1, (near - far) / (near + far + farAway), ...flags.map(Number)];
}
