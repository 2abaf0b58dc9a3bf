export interface CircuitSettings {
  readonly failuresToOpen: number;
  readonly openMilliseconds: number;
  /** The first pause after a server stopped answering: it may only have been busy. */
  readonly silentMilliseconds: number;
  readonly now: () => number;
}

/** Five failures in a row open it for five seconds; then one caller may try. */
export const circuitSettings: CircuitSettings = {
  failuresToOpen: 5,
  openMilliseconds: 5_000,
  silentMilliseconds: 1_000,
  now: Date.now,
};

/** Keeps callers away from a server that does not answer, so that its outage costs them nothing. */
export class CircuitBreaker {
  private readonly settings: CircuitSettings;
  private failures = 0;
  private openUntil = 0;
  private isTrying = false;

  constructor(settings: CircuitSettings = circuitSettings) {
    this.settings = settings;
  }

  /** Whether a call may be made now; one that may must be followed by `succeeded` or `failed`. */
  allows(): boolean {
    if (this.failures < this.settings.failuresToOpen) return true;
    if (this.isTrying || this.settings.now() < this.openUntil) return false;
    this.isTrying = true;
    return true;
  }

  succeeded(): void {
    this.failures = 0;
    this.isTrying = false;
  }

  failed(): void {
    this.failures += 1;
    this.isTrying = false;
    this.openUntil = this.settings.now() + this.settings.openMilliseconds;
  }

  /** A small command was not answered in time: the next ones would wait as long, so it opens at once. */
  fellSilent(): void {
    const isFirst = this.failures < this.settings.failuresToOpen;
    this.failed();
    this.failures = Math.max(this.failures, this.settings.failuresToOpen);
    if (isFirst) this.openUntil = this.settings.now() + this.settings.silentMilliseconds;
  }
}
