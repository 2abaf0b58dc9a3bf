/** The share of an invocation that is reserved for the current step: a statement, a slice, a page. */
const reserve = 0.3;
/** The share of an invocation that may be used when work begins that wants one to itself. */
const used = 0.1;

/**
 * For work in steps that continues in another invocation when one does not have enough time for all.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns whether another step may be started; checked after each step, so every invocation completes at least one
 */
export function timeForSteps(remainingTime: () => number): () => boolean {
  const enough = remainingTime() * reserve;
  return () => remainingTime() > enough;
}

/**
 * For work that must not get only what others leave of an invocation.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns whether nearly all of the invocation's time is left
 */
export function timeOfItsOwn(remainingTime: () => number): () => boolean {
  const enough = remainingTime() * (1 - used);
  return () => remainingTime() >= enough;
}
