import { RedisError, syntaxError } from '../protocol/reply.ts';

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** The n-th argument; the arity check has made sure of it, or the syntax is wrong. */
export function argument(args: readonly Buffer[], position: number): Buffer {
  const value = args[position];
  if (!value) throw syntaxError();
  return value;
}

/** A key, field or member: one character per byte. */
export function bytesAt(args: readonly Buffer[], position: number): string {
  return argument(args, position).toString('latin1');
}

export function textAt(args: readonly Buffer[], position: number): string {
  return argument(args, position).toString();
}

export function keywordAt(args: readonly Buffer[], position: number): string {
  return bytesAt(args, position).toUpperCase();
}

export function bigIntegerOf(data: Buffer): bigint {
  const text = data.toString('latin1');
  const value = /^(?:0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : MAX_INT64 + 1n;
  return withinInt64(value, 'ERR value is not an integer or out of range');
}

export function withinInt64(value: bigint, complaint: string): bigint {
  if (value > MAX_INT64 || value < MIN_INT64) throw new RedisError(complaint);
  return value;
}

/** An integer that a double holds exactly, enough for counts, positions and times. */
export function integerAt(args: readonly Buffer[], position: number): number {
  return Number(bigIntegerOf(argument(args, position)));
}

/** A score or a limit: decimal, or inf with a sign. */
export function floatOf(text: string, complaint = 'ERR value is not a valid float'): number {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new RedisError(complaint);
  return value;
}

/** A score as Redis prints it: integers plainly up to 2^63, beyond that with an exponent. */
export function formatScore(score: number): string {
  if (!Number.isFinite(score)) return Number.isNaN(score) ? 'nan' : score > 0 ? 'inf' : '-inf';
  if (!Number.isInteger(score) || Number.isSafeInteger(score)) return String(score);
  return Math.abs(score) < 2 ** 63 ? BigInt(score).toString() : score.toExponential();
}

export function bytesToBuffer(bytes: string): Buffer {
  return Buffer.from(bytes, 'latin1');
}
