import type { Route } from './leg.ts';
import { type RoutingSignals, routeFeatures } from './route-features.ts';

/** Where a question goes; `clarify` is one question back. */
export type Reading = Route | 'clarify';

export interface RoutedQuestion {
  readonly route: Reading;
  /** How likely each reading is, by the questions that the weights were learned from; together 1. */
  readonly likelihood: Readonly<Record<Reading, number>>;
}

/**
 * What each feature speaks for, in the order of `routeFeatures`. Learned by `npm run test:routing -- --fit` from two thirds of its labelled questions:
 * multinomial logistic regression with ridge regularisation.
 */
const weights: Readonly<Record<Reading, readonly number[]>> = {
  documents: [0.42, -2.12, -1.25, 2.16, 0.21, 0.98, -1.23, -0.13, 0.43, -0.33, -1.19, -0.63, -0.18],
  database: [0.74, 2.03, 2.45, -0.64, -0.98, -0.43, -1.32, -0.82, -0.2, 0.45, -0.36, -0.36, -1.62],
  both: [-1.85, -0.13, 0.38, -0.16, 1.2, -0.3, -0.22, 1.12, -0.17, 0.09, 1.62, 1.05, 2.08],
  clarify: [0.7, 0.22, -1.58, -1.36, -0.43, -0.24, 2.77, -0.16, -0.05, -0.21, -0.07, -0.05, -0.27],
};

/** Nearer than this, two readings are a tie. */
const tie = 0.02;

/**
 * Reads a question as one to the documents, to the database, to both, or as one that could be either: by how near the nearest table and
 * the nearest chunk are to it, and by its words. Asks no model; takes microseconds.
 */
export function routeQuestion(signals: RoutingSignals): RoutedQuestion {
  const likelihood = likelihoods(routeFeatures(signals));
  return { route: readingOf(signals, likelihood), likelihood };
}

function readingOf({ table, chunk }: RoutingSignals, likelihood: RoutedQuestion['likelihood']): Reading {
  if (table === null) return 'documents';
  if (chunk === null) return 'database';
  const { documents, database } = likelihood;
  const [[first]] = Object.entries(likelihood).sort(([, one], [, other]) => other - one) as [[Reading, number]];
  const tied = Math.abs(documents - database) < tie && (first === 'documents' || first === 'database');
  return tied ? 'clarify' : first;
}

function likelihoods(features: readonly number[]): Record<Reading, number> {
  const score = (reading: Reading) =>
    weights[reading].reduce((sum, weight, at) => sum + weight * (features[at] ?? 0), 0);
  const raised = {
    documents: Math.exp(score('documents')),
    database: Math.exp(score('database')),
    both: Math.exp(score('both')),
    clarify: Math.exp(score('clarify')),
  };
  const all = Object.values(raised).reduce((sum, each) => sum + each, 0);
  return {
    documents: raised.documents / all,
    database: raised.database / all,
    both: raised.both / all,
    clarify: raised.clarify / all,
  };
}
