import { RedisError } from '../protocol/reply.ts';

/** Redis adds in long doubles and prints 17 digits; exact decimals give the same for any sum that fits (0.1 + 0.2 = 0.3). */
const PRINTED_DIGITS = 17;
/** Beyond this a sum would need thousands of digits; Redis overflows its print buffer there as well. */
const MAX_EXPONENT = 308;

interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

function parse(text: string): Decimal {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(text);
  const exponent = Number(match?.[4] ?? 0);
  if (!match || match[2] + (match[3] ?? '') === '' || Math.abs(exponent) > MAX_EXPONENT || text.length > 400) {
    throw new RedisError('ERR value is not a valid float');
  }
  const [, sign, whole, fraction = ''] = match;
  const digits = BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction}`);
  const scale = fraction.length - exponent;
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

/** The sum of two decimal numbers, without exponent and without trailing zeros, as INCRBYFLOAT stores it. */
export function addDecimals(left: string, right: string): string {
  const a = parse(left);
  const b = parse(right);
  const scale = Math.max(a.scale, b.scale);
  const sum = a.digits * 10n ** BigInt(scale - a.scale) + b.digits * 10n ** BigInt(scale - b.scale);
  return print(sum, scale);
}

function print(value: bigint, scale: number): string {
  const negative = value < 0n;
  const magnitude = negative ? -value : value;
  const unit = 10n ** BigInt(Math.max(0, scale - PRINTED_DIGITS));
  const rounded = (magnitude + unit / 2n) / unit;
  const shownScale = Math.min(scale, PRINTED_DIGITS);
  const text = rounded.toString().padStart(shownScale + 1, '0');
  const whole = text.slice(0, text.length - shownScale);
  const fraction = text.slice(text.length - shownScale).replace(/0+$/, '');
  const shown = fraction ? `${whole}.${fraction}` : whole;
  return negative && rounded !== 0n ? `-${shown}` : shown;
}
