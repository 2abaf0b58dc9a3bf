import type { ChatOptions } from '../../models/chat-model.ts';
import { ModelError } from '../../models/model-error.ts';

/** How long a stream may be silent. */
export interface StreamTimes {
  readonly firstTokenMilliseconds: number;
  readonly idleMilliseconds: number;
}

/**
 * Ends a stream that does not begin, pauses too long, runs past its deadline, or has lost its reader. `reason` says which,
 * since the vendor's client does not distinguish them.
 */
export class StreamTimer {
  readonly #controller = new AbortController();
  readonly #times: StreamTimes;
  readonly #caller: AbortSignal | undefined;
  readonly #whole: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  #reason: ModelError | undefined;

  constructor(times: StreamTimes, { deadline, firstTokenBy = deadline, signal: caller }: ChatOptions) {
    this.#times = times;
    this.#caller = caller;
    const now = Date.now();
    const whole = Math.max(0, deadline - now);
    const first = Math.max(0, Math.min(times.firstTokenMilliseconds, firstTokenBy - now));
    this.#whole = setTimeout(() => this.#end('The model took longer than there was time.'), whole);
    this.#silence = setTimeout(() => this.#end('The model provider did not answer in time.'), first);
    if (caller?.aborted) this.#callerGone();
    caller?.addEventListener('abort', this.#callerGone, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): ModelError | undefined {
    return this.#reason;
  }

  tokenCame(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#end('The model provider stopped in the middle of its answer.'),
      this.#times.idleMilliseconds,
    );
  }

  stop(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#silence);
    this.#caller?.removeEventListener('abort', this.#callerGone);
    // A loop that was left early leaves a connection that still streams.
    this.#controller.abort();
  }

  readonly #callerGone = (): void => this.#end('The caller left.');

  #end(message: string): void {
    if (this.#controller.signal.aborted) return;
    this.#reason = new ModelError('transient', message);
    this.#controller.abort();
  }
}
