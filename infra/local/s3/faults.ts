/** What a test may make go wrong. All off by default; every field may be set at any time while the server runs. */
export interface Faults {
  /** Share of requests (0 to 1) answered 503 SlowDown before anything is done. */
  slowDownRate: number;
  /** Share of object reads whose connection breaks in the middle of the body. */
  truncatedBodyRate: number;
  /** Milliseconds that every request waits before it is looked at. */
  delayMilliseconds: number;
  /** Share of notifications delivered twice. */
  notificationDuplicateRate: number;
  /** How many places a notification may be overtaken by; 0 keeps the order. */
  notificationReorderWindow: number;
  /** Milliseconds between the change and its notification. */
  notificationDelayMilliseconds: number;
  /** Limits the faults of requests to these operations (`GetObject`); all when undefined. */
  operations: readonly string[] | undefined;
  /** Limits the faults of requests to keys that begin like this. */
  keyPrefix: string;
  /** 0 (inclusive) to 1; replace it by a seeded source to make a run repeatable. */
  random: () => number;
}

export function noFaults(): Faults {
  return {
    slowDownRate: 0,
    truncatedBodyRate: 0,
    delayMilliseconds: 0,
    notificationDuplicateRate: 0,
    notificationReorderWindow: 0,
    notificationDelayMilliseconds: 0,
    operations: undefined,
    keyPrefix: '',
    random: Math.random,
  };
}

/** Whether a fault of this rate strikes now. Does not touch the random source while the fault is off. */
export function draw(faults: Faults, rate: number): boolean {
  return rate > 0 && faults.random() < rate;
}

export function concerns(faults: Faults, operation: string, key: string): boolean {
  return (faults.operations?.includes(operation) ?? true) && key.startsWith(faults.keyPrefix);
}
