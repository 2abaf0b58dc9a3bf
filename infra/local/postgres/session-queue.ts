/** Whether others may have the session after a turn, or its holder keeps it (an open transaction). */
export type TurnEnd = 'released' | 'held';

interface Turn {
  readonly holder: object;
  readonly run: () => Promise<TurnEnd>;
  readonly done: (error?: unknown) => void;
}

/**
 * Gives the one backend session to one holder at a time, first come, first served. A holder that ends a turn in an open
 * transaction keeps it, and everybody else waits. While anyone holds or wants the session, the database's own mutex is
 * taken, so that direct queries of the same process come in between turns and not into them.
 */
export class SessionQueue {
  readonly #takeDatabase: (work: () => Promise<void>) => Promise<void>;
  readonly #waiting: Turn[] = [];
  #holder: object | undefined;
  #releaseDatabase: (() => void) | undefined;
  #pumping = false;

  constructor(takeDatabase: (work: () => Promise<void>) => Promise<void>) {
    this.#takeDatabase = takeDatabase;
  }

  /** Somebody has the session or waits for it. */
  get isBusy(): boolean {
    return this.#holder !== undefined || this.#pumping;
  }

  isHeldBy(holder: object): boolean {
    return this.#holder === holder;
  }

  /** Runs a turn when the session is the holder's; rejects with what the turn rejects with. */
  take(holder: object, run: () => Promise<TurnEnd>): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#waiting.push({ holder, run, done });
      if (!this.#pumping) void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let turn = this.#next(); turn; turn = this.#next()) {
      if (!this.#releaseDatabase) await this.#acquireDatabase();
      await this.#runTurn(turn);
    }
    this.#pumping = false;
    if (!this.#holder) {
      this.#releaseDatabase?.();
      this.#releaseDatabase = undefined;
    }
  }

  async #runTurn(turn: Turn): Promise<void> {
    try {
      this.#holder = (await turn.run()) === 'held' ? turn.holder : undefined;
      turn.done();
    } catch (error) {
      this.#holder = undefined;
      turn.done(error);
    }
  }

  #next(): Turn | undefined {
    const index = this.#holder ? this.#waiting.findIndex((turn) => turn.holder === this.#holder) : 0;
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  #acquireDatabase(): Promise<void> {
    return new Promise((acquired) => {
      void this.#takeDatabase(
        () =>
          new Promise<void>((release) => {
            this.#releaseDatabase = release;
            acquired();
          }),
      );
    });
  }
}
