/** Clean-up actions of a start, in the order of creation; run in reverse. */
export type Closers = (() => Promise<void> | void)[];

/** How long what is in hand may still take when the cloud ends. */
export const closeGraceMilliseconds = 1_000;
