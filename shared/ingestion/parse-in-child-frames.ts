import type { Readable, Writable } from 'node:stream';

/** The frames between parent and child: the lengths of both parts, then a small JSON header and bytes. */
export interface Frame<Header> {
  readonly header: Header;
  /** In a buffer of its own, so that it can be handed to a thread without a copy. */
  readonly body: Uint8Array<ArrayBuffer>;
}

const lengthBytes = 8;
/** Page starts of the longest documents stay below 1 MB. */
const longestHeader = 16_000_000;
const longestBody = 1_000_000_000;

export function writeFrame(stream: Writable, header: object, body: Uint8Array = new Uint8Array()): void {
  const json = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(lengthBytes);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(body.length, 4);
  stream.write(Buffer.concat([lengths, json]));
  if (body.length > 0) stream.write(body);
}

/**
 * Every whole frame until the stream ends.
 * @throws Error when a frame is longer than either side sends
 */
export async function* readFrames<Header>(stream: Readable): AsyncGenerator<Frame<Header>> {
  const reader = new ExactReader(stream);
  for (;;) {
    const lengths = await reader.take(lengthBytes);
    if (!lengths) return;
    const view = new DataView(lengths.buffer);
    const [headerLength, bodyLength] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (headerLength > longestHeader || bodyLength > longestBody) throw new Error('The frame is too long.');
    const json = await reader.take(headerLength);
    const body = json && (await reader.take(bodyLength));
    if (!body) return;
    yield { header: JSON.parse(Buffer.from(json).toString()) as Header, body };
  }
}

class ExactReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** @returns undefined when the stream ends before so many bytes have come */
  async take(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(new ArrayBuffer(length));
    for (let filled = 0; filled < length; ) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done) return undefined;
        this.rest = next.value;
      }
      const part = this.rest.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.rest = this.rest.subarray(part.length);
    }
    return bytes;
  }
}
