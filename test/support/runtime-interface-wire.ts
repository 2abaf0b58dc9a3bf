/** One HTTP message, as far as the two sides of the runtime interface need it: they say Content-Length and nothing else of its length. */
export interface WireMessage {
  /** Request line or status line. */
  readonly start: string;
  /** Under lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const endOfHead = Buffer.from('\r\n\r\n');

/** Cuts what comes over a connection into messages. */
export class MessageReader {
  readonly #found: (message: WireMessage) => void;
  #parts: Buffer[] = [];
  #size = 0;
  /** Bytes that the message which is coming has, once its head is there. */
  #wanted = 0;

  constructor(found: (message: WireMessage) => void) {
    this.#found = found;
  }

  take(data: Buffer): void {
    this.#parts.push(data);
    this.#size += data.length;
    while (this.#size > 0 && this.#size >= this.#wanted) {
      const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
      this.#parts = [all];
      const end = all.indexOf(endOfHead);
      if (end < 0) return;
      const { start, headers } = headOf(all.toString('latin1', 0, end));
      const bodyAt = end + endOfHead.length;
      this.#wanted = bodyAt + Number(headers['content-length'] ?? 0);
      if (this.#size < this.#wanted) return;
      const body = all.toString('utf8', bodyAt, this.#wanted);
      this.#parts = [all.subarray(this.#wanted)];
      this.#size -= this.#wanted;
      this.#wanted = 0;
      this.#found({ start, headers, body });
    }
  }
}

function headOf(text: string): Pick<WireMessage, 'start' | 'headers'> {
  const [start = '', ...lines] = text.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { start, headers };
}
