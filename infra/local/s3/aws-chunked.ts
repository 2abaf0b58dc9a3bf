import { createHash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import type { ChunkSignatures } from './chunk-signature.ts';
import { S3Error } from './errors.ts';

const LONGEST_LINE = 16 * 1024;

/**
 * Decodes `Content-Encoding: aws-chunked`: `<hex size>[;chunk-signature=…]CRLF data CRLF …`, a chunk of size 0, then
 * trailing headers. Data passes through without being gathered. Signed chunks are checked against `signatures`.
 */
export class AwsChunkedDecoder extends Transform {
  /** The trailing headers, lower-cased; complete when the stream has ended. */
  readonly trailers = new Map<string, string>();

  readonly #signatures: ChunkSignatures | undefined;
  #state: 'size' | 'data' | 'data-end' | 'trailers' | 'done' = 'size';
  #line = '';
  #left = 0;
  #signature: string | undefined;
  #hash: Hash | undefined;

  constructor(signatures?: ChunkSignatures) {
    super();
    this.#signatures = signatures;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      let position = 0;
      while (position < chunk.length) {
        position = this.#state === 'data' ? this.#takeData(chunk, position) : this.#takeLine(chunk, position);
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    // Some clients leave out the last empty line.
    if (this.#state === 'trailers' && this.#line === '') this.#state = 'done';
    done(this.#state === 'done' ? null : incompleteBody());
  }

  #takeData(chunk: Buffer, position: number): number {
    const data = chunk.subarray(position, position + this.#left);
    this.#hash?.update(data);
    this.push(data);
    this.#left -= data.length;
    if (this.#left === 0) this.#state = 'data-end';
    return position + data.length;
  }

  #takeLine(chunk: Buffer, position: number): number {
    const end = chunk.indexOf(0x0a, position);
    this.#line += chunk.toString('latin1', position, end === -1 ? chunk.length : end);
    if (this.#line.length > LONGEST_LINE) throw incompleteBody();
    if (end === -1) return chunk.length;
    const line = this.#line.replace(/\r$/, '');
    this.#line = '';
    this.#handleLine(line);
    return end + 1;
  }

  #handleLine(line: string): void {
    switch (this.#state) {
      case 'size':
        this.#startChunk(line);
        break;
      case 'data-end':
        if (line !== '') throw incompleteBody();
        this.#signatures?.verifyChunk(this.#signature, hexDigest(this.#hash));
        this.#state = 'size';
        break;
      case 'trailers':
        if (line === '') this.#finish();
        else this.#takeTrailer(line);
        break;
      default:
        if (line !== '') throw incompleteBody();
    }
  }

  #startChunk(line: string): void {
    const match = /^([\da-f]{1,12})(?:;chunk-signature=([\da-f]{64}))?$/i.exec(line);
    if (match === null) throw incompleteBody();
    this.#left = Number.parseInt(match[1] as string, 16);
    this.#signature = match[2];
    if (this.#signatures !== undefined) this.#hash = createHash('sha256');
    if (this.#left > 0) {
      this.#state = 'data';
      return;
    }
    this.#signatures?.verifyChunk(this.#signature, hexDigest(this.#hash));
    this.#state = 'trailers';
  }

  #takeTrailer(line: string): void {
    const colon = line.indexOf(':');
    if (colon < 1) throw incompleteBody();
    this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }

  #finish(): void {
    this.#state = 'done';
    if (this.trailers.size > 0) this.#signatures?.verifyTrailers(this.trailers);
  }
}

function hexDigest(hash: Hash | undefined): string {
  return hash === undefined ? '' : hash.digest('hex');
}

export function incompleteBody(): S3Error {
  return new S3Error('IncompleteBody', 'The request body terminated unexpectedly');
}
