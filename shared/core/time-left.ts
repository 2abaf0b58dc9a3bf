/** The share of an invocation that is left for the step under way: a statement, a slice, a page. */
const reserve = 0.3;

/**
 * For work in steps that goes on in another invocation where one has not the time for all.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns whether another step may be begun; asked after each, every invocation gets on by at least one
 */
export function timeForSteps(remainingTime: () => number): () => boolean {
  const enough = remainingTime() * reserve;
  return () => remainingTime() > enough;
}
