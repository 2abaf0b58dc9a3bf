import { Writable } from 'node:stream';
import { chunksUnderWay } from './messages.ts';

type Send = (contentType: string, data: Uint8Array) => void;

/**
 * The stream that a streaming handler writes to. It keeps the manners of Lambda's runtime client: whatever is not text or
 * bytes is written as JSON, and the metadata of `HttpResponseStream.from` goes out with the first `write`, not with `end`.
 */
export class ResponseStream extends Writable {
  readonly #send: Send;
  #contentType = 'application/octet-stream';
  #started = false;
  #underWay = 0;
  #whenAcknowledged: (() => void) | undefined;
  _onBeforeFirstWrite: ((write: (chunk: string | Uint8Array) => void) => void) | undefined;

  constructor(send: Send) {
    super();
    this.#send = send;
    // A reader that went away is no reason to end the process: the handler sees it as a failed write.
    this.on('error', () => {});
  }

  setContentType(contentType: string): void {
    if (this.#started) throw new Error('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  override write(chunk: unknown, ...rest: never[]): boolean {
    const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    if (!this.#started) {
      this.#started = true;
      this._onBeforeFirstWrite?.((metadata) => super.write(metadata));
    }
    return super.write(isPlain ? chunk : JSON.stringify(chunk), ...rest);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send(this.#contentType, chunk);
    this.#underWay += 1;
    if (this.#underWay < chunksUnderWay) callback();
    else this.#whenAcknowledged = callback;
  }

  /** The reader has taken one chunk. */
  acknowledge(): void {
    this.#underWay -= 1;
    const waiting = this.#whenAcknowledged;
    this.#whenAcknowledged = undefined;
    waiting?.();
  }

  /** The reader will take no more. */
  readerGone(): void {
    this.destroy(Object.assign(new Error('The client closed the connection'), { code: 'ECONNRESET' }));
  }
}

/** Resolves when everything was handed over, or when the reader has gone: what the handler still writes is nobody's. */
export function ended(stream: ResponseStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableFinished || stream.destroyed) resolve();
    stream.once('finish', resolve);
    stream.once('close', resolve);
  });
}
