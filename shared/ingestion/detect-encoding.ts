import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { analyse } from 'chardet';

export interface Encoding {
  /** A label of the WHATWG Encoding Standard, which `TextDecoder` knows. */
  readonly label: string;
  /** The encoding was only guessed from the bytes. */
  readonly isGuess: boolean;
}

const sampled = 65_536;
/** Text in UTF-16 has spaces and line ends, whose upper byte is zero: at least this share of its units. */
const leastZeros = 0.02;
/** One byte of a large UTF-8 file that was damaged does not make it Windows-1252. */
const goodPerBad = 10;
/** Words of another encoding are hardly ever valid UTF-8 by chance: of GBK, one character in eight; so many in a row, one text in 100,000. */
const surelyUtf8 = 6;
/** Required confidence of `chardet`; a few bytes say little, so more is required of them. */
const leastConfidence = 30;
const leastConfidenceOfFew = 60;
const fewBytes = 20;
/** Declared by old software as a default: Windows-1252, of which ISO-8859-1 and US-ASCII are aliases. */
const undecided = 'windows-1252';

/**
 * The encoding of a text: by byte order mark; as declared, unless the bytes contradict; UTF-8 where they are valid, or nearly; UTF-16
 * without a mark by where its zeros stand; then by the frequencies of characters (`chardet`, the algorithm of ICU); else Windows-1252.
 */
export function detectEncoding(bytes: Uint8Array, charset?: string): Encoding {
  const marked = encodingOfMark(bytes);
  if (marked) return { label: marked, isGuess: false };
  const declared = charset === undefined ? undefined : decoderFor(charset)?.encoding;
  const isValidUtf8 = isUtf8(bytes);
  const least = declared === undecided ? 0 : surelyUtf8;
  const isSurelyUtf8 = isValidUtf8 && leadsOf(bytes) >= least;
  const isDeclared = declared !== undefined && declared !== 'utf-8' && !isSurelyUtf8;
  if (isDeclared && isPlausible(bytes, declared)) return { label: declared, isGuess: false };
  const unmarked = unmarkedUtf16(bytes);
  if (unmarked) return { label: unmarked, isGuess: true };
  if (isValidUtf8 || isNearlyUtf8(bytes)) return { label: 'utf-8', isGuess: false };
  return { label: likeliest(bytes) ?? undecided, isGuess: true };
}

function encodingOfMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

/** An unknown charset counts as none. */
function decoderFor(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether the declared encoding decodes the bytes with hardly an error. */
function isPlausible(bytes: Uint8Array, label: string): boolean {
  const sample = sampleOf(bytes);
  const text = new TextDecoder(label).decode(sample);
  return (occurrences(text, '\ufffd') + occurrences(text, '\0')) * goodPerBad <= text.length;
}

function unmarkedUtf16(bytes: Uint8Array): string | undefined {
  const sample = bytes.subarray(0, sampled);
  const zeros = [0, 0];
  for (let at = sample.indexOf(0); at >= 0; at = sample.indexOf(0, at + 1)) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (Math.min(even, odd) * goodPerBad > Math.max(even, odd)) return undefined;
  if (Math.max(even, odd) < Math.max(2, (sample.length / 2) * leastZeros)) return undefined;
  return odd > even ? 'utf-16le' : 'utf-16be';
}

/** A file of which a few bytes were damaged, or that was cut in the middle of a character. */
function isNearlyUtf8(bytes: Uint8Array): boolean {
  const leads = leadsOf(bytes);
  return leads > 0 && occurrences(new TextDecoder().decode(bytes), '\ufffd') * goodPerBad <= leads;
}

/** Bytes that begin a character of several bytes in UTF-8. */
function leadsOf(bytes: Uint8Array): number {
  let leads = 0;
  for (const byte of bytes) if (byte >= 0xc2 && byte <= 0xf4) leads += 1;
  return leads;
}

function likeliest(bytes: Uint8Array): string | undefined {
  const sample = sampleOf(bytes);
  let high = 0;
  for (const byte of sample) if (byte >= 0x80) high += 1;
  const least = high < fewBytes ? leastConfidenceOfFew : leastConfidence;
  for (const { name, confidence } of analyse(sample)) {
    if (confidence < least) return undefined;
    const found = decoderFor(name);
    if (found && found.encoding !== 'utf-8' && isPlausible(bytes, found.encoding)) return found.encoding;
  }
  return undefined;
}

/** From the first byte that is not ASCII: anything before it says nothing. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte >= 0x80);
  const start = Math.max(0, first);
  return bytes.subarray(start, start + sampled);
}

function occurrences(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count += 1;
  return count;
}
