import { TextDecoder } from 'node:util';
import { DocumentError } from '../core/document-errors.ts';

/** Above these shares of control characters, bytes are no text: a byte of random data is one in about a tenth of all cases. */
const mostControlsInUnicode = 0.1;
const mostControlsInGuess = 0.01;
const sampled = 65_536;

/**
 * Bytes to well-formed text: by byte order mark, then the declared charset, then UTF-8, then Windows-1252. NUL is taken out (Postgres
 * stores none), lone surrogates become U+FFFD, line ends become `\n`.
 * @throws DocumentError unsupported_media_type when the bytes are no text in any of these
 */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  const { text, isGuess } = decode(bytes, charset);
  const share = controlShare(text);
  if (share > (isGuess ? mostControlsInGuess : mostControlsInUnicode))
    throw new DocumentError('unsupported_media_type', 'The file holds binary data, not text.');
  return sanitise(text);
}

/** Taken apart from decoding because text that other parsers extract needs it too. */
export function sanitise(text: string): string {
  return text.replaceAll('\0', '').replace(/\r\n?/g, '\n').toWellFormed();
}

function decode(bytes: Uint8Array, charset: string | undefined): { text: string; isGuess: boolean } {
  const marked = encodingOfMark(bytes);
  if (marked) return { text: new TextDecoder(marked).decode(bytes), isGuess: false };
  const declared = charset === undefined ? undefined : decoderFor(charset);
  if (declared && declared.encoding !== 'utf-8') return { text: declared.decode(bytes), isGuess: false };
  const unicode = tryUtf8(bytes);
  if (unicode !== undefined) return { text: unicode, isGuess: false };
  return { text: new TextDecoder('windows-1252').decode(bytes), isGuess: true };
}

function encodingOfMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

/** A charset that nobody knows is as good as none. */
function decoderFor(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function tryUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function controlShare(text: string): number {
  const end = Math.min(text.length, sampled);
  let controls = 0;
  for (let i = 0; i < end; i += 1) {
    const code = text.charCodeAt(i);
    const isLayout = code >= 9 && code <= 13;
    if ((code < 32 && !isLayout && code !== 27) || (code >= 127 && code < 160)) controls += 1;
  }
  return end === 0 ? 0 : controls / end;
}
