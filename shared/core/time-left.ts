/** The share of an invocation that is reserved for the current step: a statement, a slice, a page. */
const reserve = 0.3;

/**
 * For work in steps that continues in another invocation when one does not have enough time for all.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns whether another step may be started; checked after each step, so every invocation completes at least one
 */
export function timeForSteps(remainingTime: () => number): () => boolean {
  const enough = remainingTime() * reserve;
  return () => remainingTime() > enough;
}
