import type { AnsweredStep } from './answered-query.ts';

/** Steps that run side by side, given out in the order of the question. */
export class Steps {
  private readonly running: readonly Promise<AnsweredStep>[];
  private readonly finished = new Map<number, AnsweredStep>();
  private given = 0;

  constructor(running: readonly Promise<AnsweredStep>[]) {
    this.running = running;
    for (const [i, step] of running.entries()) {
      // A step that fails while nobody awaits it must not end the process; whoever awaits it gets the error.
      step.then((answered) => this.finished.set(i, answered)).catch(() => {});
    }
  }

  /** Those that have ended. */
  *ready(): Generator<AnsweredStep> {
    for (let step = this.finished.get(this.given); step; step = this.finished.get(this.given)) {
      this.given += 1;
      yield step;
    }
  }

  /** All others. Counted before it is yielded, so that a concurrent call of `ready` continues after it. */
  async *rest(): AsyncGenerator<AnsweredStep> {
    while (this.given < this.running.length) {
      const step = (await this.running[this.given]) as AnsweredStep;
      this.given += 1;
      yield step;
    }
  }
}
