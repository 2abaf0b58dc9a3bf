/**
 * Whose fault it is. `input`: these texts will never be accepted. `provider`: the account, the key or the model's name; work waits
 * until an operator has acted. `outage`: it has failed so often that it is left alone for a moment. `transient`: the same request
 * may succeed later.
 */
export type ModelErrorKind = 'input' | 'provider' | 'outage' | 'transient';

export interface ModelErrorOptions {
  readonly status?: number | undefined;
  /** What the provider asked for, or what is sensible where it did not. */
  readonly retryAfterSeconds?: number | undefined;
  /** The answer came, but is not what was asked for. */
  readonly badResponse?: boolean;
  /** It says nothing new of the provider: we did not ask it, or gave it no time. */
  readonly isOurs?: boolean;
  readonly cause?: unknown;
}

/** What a model's adapter throws; nothing of a vendor's own errors gets past it. The message holds no input and no secret. */
export class ModelError extends Error {
  readonly kind: ModelErrorKind;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly badResponse: boolean;
  readonly isOurs: boolean;

  constructor(kind: ModelErrorKind, message: string, options: ModelErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ModelError';
    this.kind = kind;
    this.status = options.status;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.badResponse = options.badResponse ?? false;
    this.isOurs = options.isOurs ?? false;
  }

  get retryable(): boolean {
    return this.kind === 'transient';
  }

  /** The model was not asked, or did not look at the texts: it says nothing of them. */
  get isUntried(): boolean {
    return this.isOurs || this.status === 429;
  }
}
