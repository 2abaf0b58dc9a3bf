import type { ServerResponse } from 'node:http';
import type { StreamReader } from '../lambda/execution-environment.ts';
import { parseStreamMetadata } from './proxy-result.ts';

const delimiterBytes = 8;
/** API Gateway waits for the delimiter within the first 16 kB. */
const maximumMetadataBytes = 16_384;

/**
 * Turns what a streaming function writes (JSON metadata, eight NUL bytes, body) into an HTTP answer, chunk by chunk, and
 * lets the function wait while the client is slow.
 */
export class StreamResponse implements StreamReader {
  readonly #response: ServerResponse;
  #head = Buffer.alloc(0);
  #started = false;
  #malformed = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** True once status and headers have gone out: what goes wrong later can only cut the connection. */
  get started(): boolean {
    return this.#started;
  }

  write(chunk: Uint8Array): Promise<void> | void {
    if (this.#started) return this.#writeBody(chunk);
    if (this.#malformed) return;
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf(Buffer.alloc(delimiterBytes));
    if (end < 0) {
      this.#malformed = this.#head.length > maximumMetadataBytes;
      return;
    }
    const metadata = parseStreamMetadata(this.#head.subarray(0, end).toString());
    if (!metadata) {
      this.#malformed = true;
      return;
    }
    this.#started = true;
    this.#response.writeHead(metadata.statusCode, metadata.headers);
    const body = this.#head.subarray(end + delimiterBytes);
    if (body.length > 0) return this.#writeBody(body);
    this.#response.flushHeaders();
  }

  #writeBody(chunk: Uint8Array): Promise<void> | void {
    const response = this.#response;
    if (response.destroyed) return Promise.reject(new Error('the client has gone'));
    if (chunk.length === 0 || response.write(chunk)) return;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        response.off('drain', settle).off('close', settle);
        if (response.destroyed) reject(new Error('the client has gone'));
        else resolve();
      };
      response.on('drain', settle).on('close', settle);
    });
  }
}
