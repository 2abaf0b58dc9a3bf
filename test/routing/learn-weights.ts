export interface LearningRow {
  /** The first is 1: the bias, which is not held small. */
  readonly features: readonly number[];
  readonly label: number;
}

const rounds = 4_000;
const step = 0.5;
const ridge = 0.002;

/** Multinomial logistic regression by plain gradient descent; the same rows give the same weights. */
export function learnWeights(rows: readonly LearningRow[], labels: number): number[][] {
  const width = rows[0]?.features.length ?? 0;
  let weights = Array.from({ length: labels }, () => new Array<number>(width).fill(0));
  for (let round = 0; round < rounds; round += 1) {
    const slopes = weights.map((row) => row.map((weight, at) => (at === 0 ? 0 : ridge * weight)));
    for (const { features, label } of rows) {
      for (const [at, chance] of chances(weights, features).entries()) {
        const error = (chance - (at === label ? 1 : 0)) / rows.length;
        slopes[at] = (slopes[at] ?? []).map((slope, feature) => slope + error * (features[feature] ?? 0));
      }
    }
    weights = weights.map((row, at) => row.map((weight, feature) => weight - step * (slopes[at]?.[feature] ?? 0)));
  }
  return weights;
}

function chances(weights: readonly (readonly number[])[], features: readonly number[]): number[] {
  const raised = weights.map((row) => Math.exp(row.reduce((sum, weight, at) => sum + weight * (features[at] ?? 0), 0)));
  const all = raised.reduce((sum, each) => sum + each, 0);
  return raised.map((each) => each / all);
}
