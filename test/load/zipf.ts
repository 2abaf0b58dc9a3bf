/**
 * Ranks as often as the words of a language: the second half as often as the first, the hundredth a hundredth. With 1,000 ranks the first
 * ten are two fifths of all draws.
 * @param random 0 (inclusive) to 1
 * @returns draws a rank from 0 to `count - 1`
 */
export function zipf(count: number, random: () => number): () => number {
  let sum = 0;
  const sums = Array.from({ length: count }, (_, rank) => {
    sum += 1 / (rank + 1);
    return sum;
  });
  return () => {
    const drawn = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
