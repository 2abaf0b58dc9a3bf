/** What a start must undo, in the order of its making; undone in reverse. */
export type Closers = (() => Promise<void> | void)[];

/** How long what is in hand may still take when the cloud ends. */
export const closeGraceMilliseconds = 1_000;
