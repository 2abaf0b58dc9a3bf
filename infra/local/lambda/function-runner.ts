import { randomUUID } from 'node:crypto';
import type { LambdaFunction } from '../assembly/model.ts';
import { ExecutionEnvironment, type InvocationResult, type StreamReader } from './execution-environment.ts';

/** Every execution environment is busy and none came free in time. Lambda's 429. */
export class TooManyRequests extends Error {
  constructor(functionName: string) {
    super(`Rate Exceeded: ${functionName}`);
    this.name = 'TooManyRequestsException';
  }
}

export interface RunnerSettings {
  readonly function: LambdaFunction;
  /** Environments at once. */
  readonly concurrency: number;
  /** The complete environment of the process. */
  readonly variables: Readonly<Record<string, string>>;
  /** How long an idle environment beyond the first is kept; default five minutes. */
  readonly idleMilliseconds?: number;
  onLine(line: string): void;
}

export interface InvokeOptions {
  /** How long to wait for a free environment before the invocation is throttled. */
  readonly waitMilliseconds: number;
  readonly requestId?: string;
  readonly traceId?: string;
  /** Takes the chunks of a streaming handler. Without it they are collected into the payload. */
  readonly reader?: StreamReader;
  /** Aborted when the reader has gone: the handler's stream is destroyed, the handler itself runs on, as in Lambda. */
  readonly readerGone?: AbortSignal;
}

interface Waiting {
  readonly take: (environment: ExecutionEnvironment) => void;
  readonly fail: (result: InvocationResult) => void;
}

interface Idle {
  readonly environment: ExecutionEnvironment;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** An environment that nothing came for is ended after this; Lambda keeps some for minutes as well. One is kept for the next event. */
const defaultIdleMilliseconds = 300_000;
/** This many may always wait: requests that take seconds have few waiters, and a client that sends a batch at once is served. */
const leastInLine = 32;
/** Assumed duration of an invocation before one was measured, in milliseconds. */
const presumedMilliseconds = 10;
/** Of the newest invocation in the mean. */
const newestShare = 0.1;
/** Time for what a function does on SIGTERM (Lambda grants 500 ms to its extensions). */
const graceMilliseconds = 500;

/** All execution environments of one function: started when needed, kept warm for a while, replaced after a crash. */
export class FunctionRunner {
  readonly function: LambdaFunction;
  readonly concurrency: number;
  readonly #settings: RunnerSettings;
  readonly #environments = new Set<ExecutionEnvironment>();
  /** The longest idle first; the last one is used again first. */
  readonly #idle: Idle[] = [];
  readonly #waiting: Waiting[] = [];
  #starting = 0;
  /** Milliseconds that an invocation takes, the last ones first. */
  #mean = presumedMilliseconds;
  #closed = false;
  #reaping: NodeJS.Timeout | undefined;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
    this.function = settings.function;
    this.concurrency = settings.concurrency;
  }

  /** The complete environment of its processes. */
  get variables(): Readonly<Record<string, string>> {
    return this.#settings.variables;
  }

  get processIds(): readonly number[] {
    return [...this.#environments].flatMap(({ processId }) => processId ?? []);
  }

  /**
   * Whether somebody who comes now would wait longer than this for an environment. Whoever is refused at once can go elsewhere or come
   * again; in a line that only grows, everybody waits for nothing.
   */
  isCrowded(longestWaitMilliseconds: number): boolean {
    const inLine = this.#waiting.length;
    return inLine >= leastInLine && (inLine * this.#mean) / this.concurrency > longestWaitMilliseconds;
  }

  /** Runs `event` (JSON text). Rejects only with `TooManyRequests`; what happens inside the function is in the result. */
  async invoke(event: string, options: InvokeOptions): Promise<InvocationResult> {
    const acquired = await this.#acquire(options.waitMilliseconds);
    if ('succeeded' in acquired) return acquired;
    const requestId = options.requestId ?? randomUUID();
    const collected: Uint8Array[] = [];
    const reader = options.reader ?? { write: (chunk: Uint8Array) => void collected.push(chunk) };
    const onGone = (): void => acquired.readerGone(requestId);
    options.readerGone?.addEventListener('abort', onGone, { once: true });
    const started = performance.now();
    try {
      const traceId = options.traceId ?? traceOf(requestId);
      const result = await acquired.invoke({ requestId, event, functionArn: this.function.arn, traceId }, reader);
      const wasCollected = result.succeeded && collected.length > 0;
      return wasCollected ? { succeeded: true, payload: Buffer.concat(collected).toString() } : result;
    } finally {
      options.readerGone?.removeEventListener('abort', onGone);
      this.#mean += newestShare * (performance.now() - started - this.#mean);
      this.#release(acquired);
    }
  }

  /** Starts one environment ahead of the first event, unless one is there. */
  async warm(): Promise<InvocationResult> {
    const [first] = this.#environments;
    return (first ?? this.#start()).ready;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reaping);
    const error = { errorType: 'Runtime.ExitError', errorMessage: `${this.function.name} is shutting down` };
    for (const waiting of this.#waiting.splice(0)) waiting.fail({ succeeded: false, error });
    await Promise.all([...this.#environments].map((environment) => environment.close(graceMilliseconds)));
  }

  #acquire(waitMilliseconds: number): Promise<ExecutionEnvironment | InvocationResult> {
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle.environment);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        // An environment that is just starting is on its way to someone who waits.
        if (this.#starting > 0) {
          timer = setTimeout(giveUp, 50);
          return;
        }
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new TooManyRequests(this.function.name));
      };
      let timer = setTimeout(giveUp, waitMilliseconds);
      const done = (value: ExecutionEnvironment | InvocationResult): void => {
        clearTimeout(timer);
        resolve(value);
      };
      const waiting: Waiting = { take: done, fail: done };
      this.#waiting.push(waiting);
      this.#startIfNeeded();
    });
  }

  #release(environment: ExecutionEnvironment): void {
    if (environment.ended) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting.take(environment);
    else this.#rest(environment);
  }

  #rest(environment: ExecutionEnvironment): void {
    this.#idle.push({ environment, since: Date.now() });
    if (this.#idle.length > 1) this.#armReaping();
  }

  #armReaping(): void {
    const { idleMilliseconds = defaultIdleMilliseconds } = this.#settings;
    if (this.#reaping) return;
    this.#reaping = setTimeout(() => {
      this.#reaping = undefined;
      const tooOld = Date.now() - idleMilliseconds;
      while (this.#idle.length > 1 && (this.#idle[0] as Idle).since <= tooOld)
        void this.#idle.shift()?.environment.close(graceMilliseconds);
      if (this.#idle.length > 1) this.#armReaping();
    }, idleMilliseconds);
    this.#reaping.unref();
  }

  #start(): ExecutionEnvironment {
    const { name, timeoutSeconds, memoryMegabytes } = this.function;
    const environment = new ExecutionEnvironment({
      functionName: name,
      timeoutMilliseconds: timeoutSeconds * 1_000,
      memoryMegabytes,
      variables: this.#settings.variables,
      onLine: this.#settings.onLine,
      onExit: (gone) => this.#forget(gone),
    });
    this.#environments.add(environment);
    this.#starting += 1;
    void environment.ready.then((result) => {
      this.#starting -= 1;
      if (result.succeeded) this.#release(environment);
      else this.#waiting.shift()?.fail(result);
      this.#startIfNeeded();
    });
    return environment;
  }

  #startIfNeeded(): void {
    const needed = this.#waiting.length > this.#starting && this.#environments.size < this.concurrency;
    if (needed && !this.#closed) this.#start();
  }

  #forget(environment: ExecutionEnvironment): void {
    this.#environments.delete(environment);
    const index = this.#idle.findIndex((idle) => idle.environment === environment);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#startIfNeeded();
  }
}

/** A trace of its own, as Lambda begins one: sampled, so that everything can be seen on one machine. */
function traceOf(requestId: string): string {
  const digits = requestId.replaceAll('-', '');
  return `Root=1-${digits.slice(0, 8)}-${digits.slice(8)};Parent=${digits.slice(-16)};Sampled=1`;
}
