import type { Admission, CircuitStore, ModelFailure, OpenCircuit } from './circuit.ts';
import type { Embedder, Embeddings, EmbedOptions } from './embedder.ts';
import { EmbedderDecorator } from './embedder-decorator.ts';
import { ModelError } from './model-error.ts';

export interface GuardSettings {
  readonly circuits: CircuitStore;
  readonly now?: () => number;
  /** Told of each failure that leaves the model alone: somebody should know. */
  readonly onOpen?: (model: string, open: OpenCircuit) => void;
  /** The circuit store failed; the call continues. */
  readonly onStoreFailure?: (error: unknown) => void;
}

/** Shorter waits that a provider asks for are left to the retries of the one call. */
const leastSharedWaitSeconds = 1;

/**
 * An embedder that does not call the provider while its circuit is open, and reports the outcome of calls to the circuit. While all is well that
 * costs nothing: the store is asked only after something has failed.
 */
export class GuardedEmbedder extends EmbedderDecorator {
  private readonly settings: GuardSettings;
  /** As this process knows it; `until` by its own clock. */
  private door: { readonly open: OpenCircuit; readonly until: number } | undefined;
  private holdsProbe = false;
  private hasFailed = false;

  constructor(inner: Embedder, settings: GuardSettings) {
    super(inner);
    this.settings = settings;
  }

  /** Asked before work is taken up: with `probe`, the next call of this embedder is the one that is let through. */
  async admission(): Promise<Admission> {
    if (this.holdsProbe && this.door) return { state: 'probe', open: this.door.open };
    const admission = await this.settings.circuits.admit(this.model);
    this.remember(admission);
    return admission;
  }

  /** @throws ModelError; `outage` or `provider` with the time for which the model is not called */
  override async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    const isProbe = await this.enter();
    try {
      const embeddings = await this.inner.embed(texts, options);
      if (isProbe || this.hasFailed) await this.succeeded(isProbe);
      return embeddings;
    } catch (error) {
      const failure = failureOf(error, options);
      if (failure) await this.failed(failure, isProbe);
      // An error that says nothing about the provider leaves the probe to the next call.
      else if (isProbe) this.holdsProbe = true;
      if (failure && this.door) throw leftAlone(this.door.open, this.secondsLeft(), error);
      throw error;
    }
  }

  /** @returns whether this call is the probe */
  private async enter(): Promise<boolean> {
    if (this.holdsProbe) {
      this.holdsProbe = false;
      return true;
    }
    if (this.door && this.secondsLeft() <= 0) {
      await this.admission().catch(this.settings.onStoreFailure);
      if (this.holdsProbe) return this.enter();
    }
    if (this.door && this.secondsLeft() > 0) throw leftAlone(this.door.open, this.secondsLeft());
    return false;
  }

  private async failed(failure: ModelFailure, wasProbe: boolean): Promise<void> {
    this.hasFailed = true;
    try {
      this.remember(await this.settings.circuits.failed(this.model, failure, wasProbe));
    } catch (error) {
      this.settings.onStoreFailure?.(error);
    }
    if (this.door) this.settings.onOpen?.(this.model, this.door.open);
  }

  private async succeeded(wasProbe: boolean): Promise<void> {
    this.hasFailed = false;
    if (wasProbe) this.door = undefined;
    await this.settings.circuits.succeeded(this.model, wasProbe).catch(this.settings.onStoreFailure);
  }

  private remember(admission: Admission): void {
    this.holdsProbe = admission.state === 'probe';
    if (admission.state === 'closed') this.door = undefined;
    else this.door = { open: admission.open, until: this.now() + waitOf(admission) * 1_000 };
  }

  private secondsLeft(): number {
    return this.door ? (this.door.until - this.now()) / 1_000 : 0;
  }

  private now(): number {
    return (this.settings.now ?? Date.now)();
  }
}

/** Other callers in this process ask again soon after a probe has started. */
function waitOf(admission: Exclude<Admission, { state: 'closed' }>): number {
  return admission.state === 'open' ? admission.seconds : 1;
}

/** What an error says about the provider; undefined: nothing, as when it was about the texts, or we gave it no time. */
function failureOf(error: unknown, { isDoubted }: EmbedOptions): ModelFailure | undefined {
  if (!(error instanceof ModelError) || error.kind === 'input' || error.badResponse || error.isOurs) return undefined;
  const { message: reason, retryAfterSeconds, status } = error;
  if (error.kind === 'provider') return { fault: 'account', reason, retryAfterSeconds };
  if (status !== 429) return isDoubted ? undefined : { fault: 'outage', reason };
  return (retryAfterSeconds ?? 0) >= leastSharedWaitSeconds ? { fault: 'rate', reason, retryAfterSeconds } : undefined;
}

/** @param cause what the provider answered; undefined: it was not asked */
function leftAlone({ fault, reason }: OpenCircuit, seconds: number, cause?: unknown): ModelError {
  const kind = fault === 'account' ? 'provider' : fault === 'outage' ? 'outage' : 'transient';
  const isOurs = cause === undefined;
  const status = cause instanceof ModelError ? cause.status : undefined;
  return new ModelError(kind, reason, { status, retryAfterSeconds: Math.max(0, seconds), isOurs, cause });
}
