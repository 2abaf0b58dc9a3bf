/** Time as the stand-ins see it, so that a test can let half an hour pass in a millisecond. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `action` once, `milliseconds` from now; the returned function cancels. Does not keep the process alive. */
  after(milliseconds: number, action: () => void): () => void;
}

/** Node's timers fire at once when the delay does not fit 31 bits. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, action) {
    let timer: NodeJS.Timeout;
    const due = Date.now() + milliseconds;
    const arm = (): void => {
      const left = due - Date.now();
      timer = setTimeout(left > LONGEST_TIMER ? arm : action, Math.min(Math.max(0, left), LONGEST_TIMER));
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};

/** A clock that stands still until it is moved. */
export interface VirtualClock extends Clock {
  /** Moves on, firing what falls due on the way in its order, and letting promises settle after each. */
  advance(milliseconds: number): Promise<void>;
}

/** Starts at `start` (milliseconds since 1970). */
export function createVirtualClock(start: number): VirtualClock {
  let now = start;
  const timers = new Set<{ due: number; action: () => void }>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    now: () => now,
    after(milliseconds, action) {
      const timer = { due: now + Math.max(0, milliseconds), action };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(milliseconds) {
      // What was just begun may still be about to set its timers.
      await settle();
      const end = now + milliseconds;
      for (;;) {
        const next = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.due);
        next.action();
        await settle();
      }
      now = end;
      await settle();
    },
  };
}
