import type { ModelError } from '../models/model-error.ts';

/** That a model gives no vector for a text. It is kept in the row of the text (`refusal`), and deleted when there is a vector. */
export interface Refusal {
  readonly code: 'bad_embedding';
  readonly message: string;
  readonly model: string;
  /** SHA-256 in hex: the row may have another text by now, which nobody refused. */
  readonly hash: string;
  /** How often the model said so, in a row: a failure that may not be of the text does not count. */
  readonly times: number;
  /** ISO 8601: the model is not asked before. */
  readonly until: string;
}

/** A text about a database, and what is known of it. */
export interface KnownText {
  /** SHA-256. */
  readonly hash: Buffer;
  readonly refusal: Refusal | null;
}

const dayMilliseconds = 86_400_000;
const longestWaitNights = 64;
/** A night may reach a workspace so much earlier than the night before. */
const earlierMilliseconds = 6 * 3_600_000;

/** The refusal of the text that the row has now; null: nobody refused that. */
export function refusalOf({ hash, refusal }: KnownText): Refusal | null {
  return refusal?.hash === hash.toString('hex') ? refusal : null;
}

/** Whether the model may be asked: it never refused this text, or long enough ago. @param now milliseconds since 1970 */
export function mayBeAsked(text: KnownText, model: string, now: number): boolean {
  const refusal = refusalOf(text);
  return refusal?.model !== model || Date.parse(refusal.until) <= now;
}

/**
 * What is kept of a refusal. Few are ever taken back: the wait doubles each time, from one night to 64. After any other failure the model is asked
 * the next night.
 */
export function refusedAgain(text: KnownText, model: string, { kind, message: why }: ModelError, now: number): Refusal {
  const known = refusalOf(text);
  const before = known?.model === model ? known.times : 0;
  const times = kind === 'input' ? before + 1 : before;
  const nights = kind === 'input' ? Math.min(longestWaitNights, 2 ** before) : 1;
  const until = new Date(now + nights * dayMilliseconds - earlierMilliseconds).toISOString();
  const hash = text.hash.toString('hex');
  return { code: 'bad_embedding', message: `It could not be embedded: ${why}`, model, hash, times, until };
}
