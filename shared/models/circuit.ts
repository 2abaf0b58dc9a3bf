/**
 * When a model is not called: a circuit breaker (Nygard, "Release It!", 2007) whose state all processes share. `account`: the key, the
 * account or the model's name; an operator has to act. `outage`: it does not answer as it should. `rate`: it asked for time.
 */
export type ModelFault = 'account' | 'outage' | 'rate';

export interface CircuitState {
  /** In a row. */
  readonly failures: number;
  /** In a row: each leaves the model alone for longer. */
  readonly openings: number;
  readonly open: OpenCircuit | null;
}

export interface OpenCircuit {
  readonly fault: ModelFault;
  /** One sentence, for people whose documents wait. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** When one process may try. */
  readonly nextCallAt: number;
  /** One tries now. */
  readonly probing: boolean;
}

export interface ModelFailure {
  readonly fault: ModelFault;
  readonly reason: string;
  /** What the provider asked for. */
  readonly retryAfterSeconds?: number | undefined;
}

/** `probe`: the caller that received this may make one call. */
export type Admission =
  | { readonly state: 'closed' }
  | { readonly state: 'probe'; readonly open: OpenCircuit }
  | { readonly state: 'open'; readonly open: OpenCircuit; readonly seconds: number };

export const closedCircuit: CircuitState = { failures: 0, openings: 0, open: null };

/** Single failures are handled by retries; this many in a row, without a success in between, are an outage. */
const failuresToOpen = 5;
/** Two calls a minute, from all processes together, until an operator has acted. */
const accountSeconds = 30;
const firstOutageSeconds = 1;
/** Short: what waits must not sleep long past the end of an outage. */
const longestOutageSeconds = 8;
/** A probe that was not heard of for longer has died: as long as a call may take, and a little. */
const probeSeconds = 35;
/** A caller that finds a probe in progress asks again after this long. */
const askAgainSeconds = 2;

export function admissionOf({ open }: CircuitState, now: number): Admission {
  if (!open) return { state: 'closed' };
  if (open.nextCallAt <= now) return { state: 'probe', open };
  const seconds = (open.nextCallAt - now) / 1_000;
  return { state: 'open', open, seconds: open.probing ? Math.min(askAgainSeconds, seconds) : seconds };
}

/** The state after a caller was told to probe: nobody else is, for as long as the probe may take. */
export function withProbe(state: CircuitState, now: number): CircuitState {
  if (!state.open) return state;
  return { ...state, open: { ...state.open, probing: true, nextCallAt: now + probeSeconds * 1_000 } };
}

/** A call that was under way when the circuit opened changes nothing of it: only a probe does, or a longer wait that was asked for. */
export function afterFailure(state: CircuitState, failure: ModelFailure, wasProbe: boolean, now: number): CircuitState {
  const failures = state.failures + 1;
  const { open } = state;
  const opens = failure.fault !== 'outage' || failures >= failuresToOpen;
  if (!open && !opens) return { ...state, failures };
  const nextCallAt = now + secondsAlone(failure, state.openings) * 1_000;
  if (open && !wasProbe) {
    const isLonger = failure.fault !== 'outage' && !open.probing && nextCallAt > open.nextCallAt;
    return { ...state, failures, open: isLonger ? { ...open, nextCallAt } : open };
  }
  const { fault, reason } = failure;
  return {
    failures,
    openings: state.openings + 1,
    open: { fault, reason, since: open?.since ?? now, nextCallAt, probing: false },
  };
}

export function afterSuccess(state: CircuitState, wasProbe: boolean): CircuitState {
  return state.open && !wasProbe ? state : closedCircuit;
}

function secondsAlone({ fault, retryAfterSeconds }: ModelFailure, openings: number): number {
  if (fault === 'outage') return Math.min(longestOutageSeconds, firstOutageSeconds * 2 ** openings);
  return fault === 'account' ? Math.max(accountSeconds, retryAfterSeconds ?? 0) : (retryAfterSeconds ?? accountSeconds);
}

/** Where the state of circuits is kept. */
export interface CircuitStore {
  /** If a probe is due, this caller has to make it: the next one is told that the circuit is open. */
  admit(model: string): Promise<Admission>;
  failed(model: string, failure: ModelFailure, wasProbe: boolean): Promise<Admission>;
  succeeded(model: string, wasProbe: boolean): Promise<void>;
}

/** Circuits of one process: for questions, which must not wait for a database to learn that they need not ask. */
export class MemoryCircuits implements CircuitStore {
  private readonly states = new Map<string, CircuitState>();
  private readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  async admit(model: string): Promise<Admission> {
    const state = this.state(model);
    const admission = admissionOf(state, this.now());
    if (admission.state === 'probe') this.states.set(model, withProbe(state, this.now()));
    return admission;
  }

  async failed(model: string, failure: ModelFailure, wasProbe: boolean): Promise<Admission> {
    const state = afterFailure(this.state(model), failure, wasProbe, this.now());
    this.states.set(model, state);
    return admissionOf(state, this.now());
  }

  async succeeded(model: string, wasProbe: boolean): Promise<void> {
    this.states.set(model, afterSuccess(this.state(model), wasProbe));
  }

  private state(model: string): CircuitState {
    return this.states.get(model) ?? closedCircuit;
  }
}
