/** What a client sent before it logged in or after: the type byte (0 for start-up packets) and the whole message. */
export interface Frame {
  readonly type: number;
  /** The message as it came, type byte and length included. */
  readonly bytes: Buffer;
}

/** A client broke the framing; the connection cannot go on. */
export class FramingError extends Error {
  override name = 'FramingError';
}

// Messages that a frontend may send once it has logged in: B C D E F H P Q S X c d f p.
const FRONTEND_TYPES = new Set([...'BCDEFHPQSXcdfp'].map((letter) => letter.charCodeAt(0)));
const MAX_STARTUP_BYTES = 10_000; // PostgreSQL's own MAX_STARTUP_PACKET_LENGTH
const MAX_AUTHENTICATION_BYTES = 65_535; // and PG_MAX_AUTH_TOKEN_LENGTH
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;

/**
 * Cuts a byte stream into protocol messages. A message that arrived in one piece is a view of the chunk, not a copy;
 * one that came in many pieces is joined once, when it is complete.
 */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Bytes received and not yet handed out. */
  get buffered(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** A start-up packet, SSLRequest, GSSENCRequest or CancelRequest: these have no type byte. */
  nextStartup(): Frame | undefined {
    if (this.#bytes < 4) return undefined;
    const length = this.#peek(4).readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new FramingError('invalid length of startup packet');
    return this.#bytes < length ? undefined : { type: 0, bytes: this.#take(length) };
  }

  /** The next typed message, or undefined until it is complete. */
  next(phase: 'authentication' | 'ready'): Frame | undefined {
    if (this.#bytes < 5) return undefined;
    const header = this.#peek(5);
    const type = header.readUInt8(0);
    const length = header.readInt32BE(1);
    const limit = phase === 'authentication' ? MAX_AUTHENTICATION_BYTES : MAX_MESSAGE_BYTES;
    if (!FRONTEND_TYPES.has(type)) throw new FramingError(`invalid frontend message type ${type}`);
    if (length < 4 || length > limit) throw new FramingError('invalid message length');
    return this.#bytes < length + 1 ? undefined : { type, bytes: this.#take(length + 1) };
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= count) return first;
    this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    return this.#chunks[0] as Buffer;
  }

  #take(count: number): Buffer {
    const head = this.#peek(count);
    if (head.length === count) this.#chunks.shift();
    else this.#chunks[0] = head.subarray(count);
    this.#bytes -= count;
    return head.subarray(0, count);
  }
}
