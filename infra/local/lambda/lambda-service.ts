import type { InvocationResult } from './execution-environment.ts';
import type { FunctionRunner } from './function-runner.ts';

/** Lambda tries an asynchronous event three times, a minute and then two minutes apart. */
const retryDelays = [60_000, 120_000];
/** An asynchronous event waits in Lambda's own queue for up to six hours when its function is busy. */
const longestAsynchronousWait = 6 * 3_600_000;

/** All functions by name. */
export class LambdaService {
  readonly #runners: ReadonlyMap<string, FunctionRunner>;
  readonly #log: (line: string) => void;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(runners: readonly FunctionRunner[], log: (line: string) => void) {
    this.#runners = new Map(runners.map((runner) => [runner.function.name, runner]));
    this.#log = log;
  }

  get runners(): readonly FunctionRunner[] {
    return [...this.#runners.values()];
  }

  find(name: string): FunctionRunner | undefined {
    return this.#runners.get(name);
  }

  /** Throws when there is no function of that name. */
  runner(name: string): FunctionRunner {
    const runner = this.#runners.get(name);
    if (!runner) throw new Error(`There is no function ${name}`);
    return runner;
  }

  /** Runs an event without waiting for it (`InvocationType: Event`); it is lost when this process ends before. */
  invokeLater(runner: FunctionRunner, event: string, attempt = 0): void {
    void runner.invoke(event, { waitMilliseconds: longestAsynchronousWait }).then(
      (result) => this.#retry(runner, event, attempt, result),
      (error: Error) => this.#log(`${runner.function.name}: an asynchronous event was given up: ${error.message}`),
    );
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.runners.map((runner) => runner.close()));
  }

  #retry(runner: FunctionRunner, event: string, attempt: number, result: InvocationResult): void {
    if (result.succeeded) return;
    const delay = retryDelays[attempt];
    if (delay === undefined) {
      this.#log(`${runner.function.name}: an asynchronous event was given up: ${result.error.errorMessage}`);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.invokeLater(runner, event, attempt + 1);
    }, delay);
    this.#timers.add(timer);
  }
}
