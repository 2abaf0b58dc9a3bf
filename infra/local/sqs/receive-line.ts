import type { Clock } from '../aws/clock.ts';
import type { ReceiveOptions } from './message.ts';

interface Waiter<T> {
  readonly options: ReceiveOptions;
  readonly finish: (taken: T[]) => void;
}

/** Where receives come from, and when it is worth looking again. */
export interface Source<T> {
  take(options: ReceiveOptions): T[];
  /** Milliseconds since 1970. */
  nextDue(): number | undefined;
}

/** Receives that wait, first come first served. A timer runs only while someone waits and something will fall due. */
export class ReceiveLine<T> {
  readonly #clock: Clock;
  readonly #source: Source<T>;
  readonly #waiters = new Set<Waiter<T>>();
  #alarm: { readonly due: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, source: Source<T>) {
    this.#clock = clock;
    this.#source = source;
  }

  /** Takes at once if it can, else waits for the first message up to `milliseconds`. */
  async wait(options: ReceiveOptions, milliseconds: number): Promise<T[]> {
    if (options.signal?.aborted) return [];
    const taken = this.#source.take(options);
    if (taken.length > 0 || milliseconds <= 0) return taken;
    return new Promise((resolve) => {
      const cancelTimer = Number.isFinite(milliseconds) ? this.#clock.after(milliseconds, () => finish([])) : undefined;
      const abort = (): void => finish([]);
      const finish = (messages: T[]): void => {
        this.#waiters.delete(waiter);
        cancelTimer?.();
        options.signal?.removeEventListener('abort', abort);
        if (this.#waiters.size === 0) this.#silence();
        resolve(messages);
      };
      const waiter: Waiter<T> = { options, finish };
      options.signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.#arm();
    });
  }

  /** To be called when something may have become receivable or its time has changed. */
  serve(): void {
    for (const waiter of this.#waiters) {
      const taken = this.#source.take(waiter.options);
      if (taken.length === 0) break;
      waiter.finish(taken);
    }
    this.#arm();
  }

  /** Lets everyone go with nothing. */
  close(): void {
    for (const waiter of this.#waiters) waiter.finish([]);
  }

  #arm(): void {
    const due = this.#waiters.size > 0 ? this.#source.nextDue() : undefined;
    if (due === this.#alarm?.due) return;
    this.#silence();
    if (due === undefined) return;
    const cancel = this.#clock.after(Math.max(0, due - this.#clock.now()), () => {
      this.#alarm = undefined;
      this.serve();
    });
    this.#alarm = { due, cancel };
  }

  #silence(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }
}
