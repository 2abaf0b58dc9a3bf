/**
 * Normalised discounted cumulative gain of the first ten (Järvelin and Kekäläinen, TOIS 2002; linear gains, as trec_eval counts).
 * @param ranking ids, best first
 * @param relevant grades by id
 */
export function ndcgAtTen(ranking: readonly string[], relevant: ReadonlyMap<string, number>): number {
  const gain = (grades: readonly number[]) =>
    grades.slice(0, 10).reduce((sum, grade, index) => sum + grade / Math.log2(index + 2), 0);
  const ideal = gain([...relevant.values()].sort((left, right) => right - left));
  return ideal === 0 ? 0 : gain(ranking.map((id) => relevant.get(id) ?? 0)) / ideal;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
