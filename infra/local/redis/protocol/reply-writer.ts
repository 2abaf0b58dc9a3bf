import type { Writable } from 'node:stream';
import { ALREADY_SENT, NULL_ARRAY, RedisError, type Reply, StatusReply } from './reply.ts';

/** Bulks up to this size travel inside one latin1 string with their neighbours; larger ones are written as they are. */
const INLINE_BULK_BYTES = 1024;

/** Collects RESP2 replies and writes those of one read in one go, so that a pipeline costs few system calls. */
export class ReplyWriter {
  readonly #socket: Writable;
  #parts: (string | Buffer)[] = [];
  #text = '';

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  add(reply: Reply): void {
    if (reply === null) this.#text += '$-1\r\n';
    else if (reply === ALREADY_SENT) return;
    else if (reply === NULL_ARRAY) this.#text += '*-1\r\n';
    else if (typeof reply === 'number' || typeof reply === 'bigint') this.#text += `:${reply}\r\n`;
    else if (typeof reply === 'string') this.#bulk(Buffer.from(reply));
    else if (Buffer.isBuffer(reply)) this.#bulk(reply);
    else if (reply instanceof StatusReply) this.#line('+', reply.text);
    else if (reply instanceof RedisError) this.#line('-', reply.message);
    else {
      this.#text += `*${(reply as readonly Reply[]).length}\r\n`;
      for (const item of reply as readonly Reply[]) this.add(item);
    }
  }

  flush(): void {
    this.#endText();
    const parts = this.#parts;
    this.#parts = [];
    if (parts.length === 0 || this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part, 'latin1');
    this.#socket.uncork();
  }

  /** A line must not hold a line break: it would end the reply early. */
  #line(marker: string, text: string): void {
    this.#text += `${marker}${Buffer.from(text.replace(/[\r\n]+/g, ' ')).toString('latin1')}\r\n`;
  }

  #bulk(bytes: Buffer): void {
    this.#text += `$${bytes.length}\r\n`;
    if (bytes.length <= INLINE_BULK_BYTES) {
      this.#text += bytes.toString('latin1');
    } else {
      this.#endText();
      this.#parts.push(bytes);
    }
    this.#text += '\r\n';
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#parts.push(this.#text);
    this.#text = '';
  }
}
