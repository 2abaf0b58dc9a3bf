import { TextDecoder } from 'node:util';
import { DocumentError } from '../core/document-errors.ts';
import { detectEncoding } from './detect-encoding.ts';

/** Above these shares of control characters, bytes are no text: about a tenth of random bytes are control characters. */
const mostControlsInUnicode = 0.1;
const mostControlsInGuess = 0.01;
const sampled = 65_536;

export interface DecodeOptions {
  /** As declared; believed unless the bytes contradict. */
  readonly charset?: string | undefined;
  /** The bytes may be overwritten, since nobody reads them again. Saves a copy of a large file. */
  readonly takesOver?: boolean;
}

/**
 * Decodes bytes to well-formed text in the encoding that `detectEncoding` finds. NUL is removed (Postgres stores none), what cannot be
 * decoded becomes U+FFFD, and line ends become `\n`.
 * @throws DocumentError unsupported_media_type if the bytes are no text
 */
export function decodeText(bytes: Uint8Array, { charset, takesOver = false }: DecodeOptions = {}): string {
  const { label, isGuess } = detectEncoding(bytes, charset);
  const share = controlShare(new TextDecoder(label).decode(bytes.subarray(0, sampled)));
  if (share > (isGuess ? mostControlsInGuess : mostControlsInUnicode))
    throw new DocumentError('unsupported_media_type', 'The file holds binary data, not text.');
  const decoder = new TextDecoder(label);
  // In every other encoding these two characters are these two bytes; a text of 100 MB is not copied for them.
  return label.startsWith('utf-16')
    ? sanitise(decoder.decode(bytes))
    : decoder.decode(withPlainLineEnds(bytes, takesOver));
}

/** For text that other parsers extract, which may hold anything. */
export function sanitise(text: string): string {
  return text.replaceAll('\0', '').replace(/\r\n?/g, '\n').toWellFormed();
}

const lineFeed = 10;
const carriageReturn = 13;

function withPlainLineEnds(bytes: Uint8Array, inPlace: boolean): Uint8Array {
  if (!bytes.includes(carriageReturn) && !bytes.includes(0)) return bytes;
  const result = inPlace ? bytes : new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === 0) continue;
    if (byte === carriageReturn && bytes[at + 1] === lineFeed) continue;
    result[length] = byte === carriageReturn ? lineFeed : byte;
    length += 1;
  }
  return result.subarray(0, length);
}

function controlShare(text: string): number {
  let controls = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const isLayout = code >= 9 && code <= 13;
    if ((code < 32 && !isLayout && code !== 27) || (code >= 127 && code < 160)) controls += 1;
  }
  return text.length === 0 ? 0 : controls / text.length;
}
