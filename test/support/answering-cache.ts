/**
 * For tests of what a cache brings. A machine that stands still for 50 ms is a cache that fell silent: for a second everybody goes on
 * without it, as they should, and nothing is known, kept or counted there.
 */
export const whileCacheAnswers = { retry: { count: 2, delay: 1_500 } } as const;
