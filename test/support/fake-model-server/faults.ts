import { seededRandom } from './random.ts';

/** Before any work: the answer is an error, or none at all. */
export const REQUEST_FAULTS = [
  '429', // options: retry-after=<seconds>|date|none (default 1), retry-after-ms=<ms>
  'insufficient-quota', // 429 that no waiting helps
  '500',
  '502',
  '503',
  '504',
  '520', // HTML, as a proxy in front of the API answers
  'context-length', // 400
  '401',
  '403',
  '404-model',
  'hang', // never answers; option: ms=<then RST>
  'reset', // headers, then RST
  'slow', // option: ms=<extra latency> (default 2000)
] as const;

/** After the work, so the ledger has the purchase: what goes wrong on the way back. */
export const ANSWER_FAULTS = [
  'reset-after-processing', // RST instead of the answer (ExecuteAndTimeout)
  'hang-body', // half of the body, then nothing
  'truncated-json', // half of the body as if it were all
  'wrong-content-type', // the right body as text/html
  'usage-missing',
] as const;

export const EMBEDDING_FAULTS = [
  'shuffled', // right indexes, another order
  'missing-one',
  'extra-one',
  'duplicate-index',
  'wrong-dimension',
  'nan', // NaN in base64; floats cannot say it in JSON, so there it is null
  'null-vector',
  'zero-vector',
  'base64', // base64 although floats were asked for
] as const;

export const CHAT_FAULTS = [
  'stream-cut', // half of the events, then RST
  'stream-error', // half of the events, then an error event
  'keep-alive-forever', // comments only
  'drip', // one piece each option ms=<1000>
  'length', // finish_reason length, half of the text
  'empty-choices',
  'invalid-tool-json',
] as const;

export type FaultKind =
  | (typeof REQUEST_FAULTS)[number]
  | (typeof ANSWER_FAULTS)[number]
  | (typeof EMBEDDING_FAULTS)[number]
  | (typeof CHAT_FAULTS)[number];

export type FaultOptions = Readonly<Record<string, string>>;

export interface Fault {
  readonly kind: FaultKind;
  readonly options: FaultOptions;
}

export interface FaultRule {
  readonly kind: FaultKind;
  readonly options?: FaultOptions;
  /** Share of the requests, 0 to 1. */
  readonly rate: number;
  /** Only this kind of request; both when left out. */
  readonly on?: 'embeddings' | 'chat';
  /** Only requests for this model. */
  readonly model?: string;
}

const KINDS: ReadonlySet<string> = new Set([...REQUEST_FAULTS, ...ANSWER_FAULTS, ...EMBEDDING_FAULTS, ...CHAT_FAULTS]);
const EMBEDDING_ONLY: ReadonlySet<string> = new Set(EMBEDDING_FAULTS);
const CHAT_ONLY: ReadonlySet<string> = new Set(CHAT_FAULTS);
/** `[[fault:429:retry-after=2,times=1]]`: strikes every request that holds it, or only the first `times`. */
const MARKER = /\[\[fault:([\w-]+)(?::([^\]]*))?\]\]/;

/** Decides which request goes wrong: first what was queued, then markers in the texts, then rules by rate. */
export class Faults {
  readonly #random: () => number;
  #rules: readonly FaultRule[] = [];
  #queued: { fault: Fault; on: FaultRule['on'] }[] = [];
  #markerStrikes = new Map<string, number>();

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Replaces the rules; each is drawn on its own with the seeded generator, the first that strikes counts. */
  setRules(rules: readonly FaultRule[]): void {
    for (const { kind } of rules) assertKind(kind);
    this.#rules = rules;
  }

  /** The next `times` requests (of a kind) get this fault. */
  next(kind: FaultKind, options: FaultOptions = {}, times = 1, on?: FaultRule['on']): void {
    assertKind(kind);
    for (let count = 0; count < times; count++) this.#queued.push({ fault: { kind, options }, on });
  }

  clear(): void {
    this.#rules = [];
    this.#queued = [];
    this.#markerStrikes = new Map();
  }

  /** What strikes this request. */
  decide(on: 'embeddings' | 'chat', texts: readonly string[], model?: string): Fault | undefined {
    return this.#fromQueue(on) ?? this.#fromMarker(on, texts) ?? this.#fromRules(on, model);
  }

  #fromQueue(on: 'embeddings' | 'chat'): Fault | undefined {
    const position = this.#queued.findIndex((queued) => (queued.on ?? on) === on && applies(queued.fault.kind, on));
    return position < 0 ? undefined : this.#queued.splice(position, 1)[0]?.fault;
  }

  #fromMarker(on: 'embeddings' | 'chat', texts: readonly string[]): Fault | undefined {
    for (const text of texts) {
      const marker = text.includes('[[fault:') ? MARKER.exec(text) : null;
      if (!marker) continue;
      const kind = assertKind(marker[1] as string);
      const options = parseOptions(marker[2] ?? '');
      const strikes = this.#markerStrikes.get(marker[0]) ?? 0;
      if (!applies(kind, on) || strikes >= Number(options.times ?? Number.POSITIVE_INFINITY)) continue;
      this.#markerStrikes.set(marker[0], strikes + 1);
      return { kind, options };
    }
    return undefined;
  }

  #fromRules(on: 'embeddings' | 'chat', model: string | undefined): Fault | undefined {
    for (const rule of this.#rules) {
      const applicable = (rule.on ?? on) === on && (rule.model ?? model) === model && applies(rule.kind, on);
      // Drawn whenever it applies, so that the same seed and requests give the same faults.
      if (applicable && this.#random() < rule.rate) return { kind: rule.kind, options: rule.options ?? {} };
    }
    return undefined;
  }
}

function applies(kind: FaultKind, on: 'embeddings' | 'chat'): boolean {
  return on === 'embeddings' ? !CHAT_ONLY.has(kind) : !EMBEDDING_ONLY.has(kind);
}

function assertKind(kind: string): FaultKind {
  if (!KINDS.has(kind)) throw new Error(`unknown fault '${kind}'`);
  return kind as FaultKind;
}

function parseOptions(text: string): FaultOptions {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(pairs.map((pair) => pair.split('=', 2).map((part) => part.trim()) as [string, string]));
}
