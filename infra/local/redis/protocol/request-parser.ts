/** The client sent something that is not RESP. The connection is answered with the message and closed. */
export class ProtocolError extends Error {}

const MAX_INLINE_BYTES = 64 * 1024;
const MAX_ARGUMENTS = 1024 * 1024;
const MAX_BULK_BYTES = 512 * 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * Incremental parser of RESP requests (arrays of bulk strings) and inline commands.
 * Each bulk is copied once into a buffer of its own: values never pin the socket's read buffer, and a bulk that arrives
 * in many frames is filled in place instead of being concatenated again and again.
 */
export class RequestParser {
  readonly #onRequest: (args: Buffer[]) => void;
  #line: Buffer = Buffer.alloc(0);
  #args: Buffer[] = [];
  #missingArguments = 0;
  #bulk: Buffer | undefined;
  #filled = 0;
  #skip = 0;

  constructor(onRequest: (args: Buffer[]) => void) {
    this.#onRequest = onRequest;
  }

  /** Feeds a frame; calls back once per complete request, in order. Throws ProtocolError. */
  push(frame: Buffer): void {
    let offset = 0;
    while (offset < frame.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, frame.length - offset);
        this.#skip -= skipped;
        offset += skipped;
        if (this.#skip === 0) this.#emitWhenComplete();
      } else if (this.#bulk) {
        offset += this.#fill(this.#bulk, frame, offset);
      } else {
        offset = this.#readLine(frame, offset);
      }
    }
  }

  #fill(bulk: Buffer, frame: Buffer, offset: number): number {
    const copied = frame.copy(bulk, this.#filled, offset);
    this.#filled += copied;
    if (this.#filled === bulk.length) this.#finishBulk(bulk);
    return copied;
  }

  #finishBulk(bulk: Buffer): void {
    this.#args.push(bulk);
    this.#bulk = undefined;
    this.#missingArguments -= 1;
    this.#skip = 2;
  }

  #emitWhenComplete(): void {
    if (this.#missingArguments > 0) return;
    const args = this.#args;
    this.#args = [];
    this.#onRequest(args);
  }

  #readLine(frame: Buffer, offset: number): number {
    const end = frame.indexOf(LINE_FEED, offset);
    const part = frame.subarray(offset, end < 0 ? frame.length : end);
    const line = this.#line.length > 0 ? Buffer.concat([this.#line, part]) : part;
    if (line.length > MAX_INLINE_BYTES) {
      throw new ProtocolError(
        `ERR Protocol error: too big ${line[0] === 0x2a ? 'mbulk count string' : 'inline request'}`,
      );
    }
    if (end < 0) {
      this.#line = Buffer.from(line);
      return frame.length;
    }
    this.#line = Buffer.alloc(0);
    this.#takeLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
    return end + 1;
  }

  #takeLine(line: Buffer): void {
    if (this.#missingArguments > 0) {
      this.#startBulk(line);
    } else if (line[0] === 0x2a) {
      const count = lengthAfterMarker(line, MAX_ARGUMENTS, 'invalid multibulk length');
      this.#missingArguments = Math.max(0, count);
    } else if (line.length > 0) {
      const args = splitInline(line);
      if (args.length > 0) this.#onRequest(args);
    }
  }

  #startBulk(line: Buffer): void {
    if (line[0] !== 0x24) {
      throw new ProtocolError(`ERR Protocol error: expected '$', got '${String.fromCharCode(line[0] ?? 0x20)}'`);
    }
    const length = lengthAfterMarker(line, MAX_BULK_BYTES, 'invalid bulk length');
    if (length < 0) throw new ProtocolError('ERR Protocol error: invalid bulk length');
    const bulk = Buffer.allocUnsafe(length);
    this.#filled = 0;
    if (length === 0) this.#finishBulk(bulk);
    else this.#bulk = bulk;
  }
}

function lengthAfterMarker(line: Buffer, limit: number, complaint: string): number {
  const text = line.toString('latin1', 1);
  const length = /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(length <= limit)) throw new ProtocolError(`ERR Protocol error: ${complaint}`);
  return length;
}

const QUOTED_ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Splits an inline command as redis-cli does: blanks separate, "…" knows escapes, '…' is literal. */
function splitInline(line: Buffer): Buffer[] {
  const text = line.toString('latin1');
  const word = /"((?:[^"\\]|\\.)*)"(?=\s|$)|'((?:[^'\\]|\\.)*)'(?=\s|$)|([^\s"']+)/y;
  const args: Buffer[] = [];
  let offset = 0;
  while (offset < text.length) {
    if (/\s/.test(text[offset] as string)) {
      offset += 1;
      continue;
    }
    word.lastIndex = offset;
    const match = word.exec(text);
    if (!match) throw new ProtocolError('ERR Protocol error: unbalanced quotes in request');
    offset = word.lastIndex;
    args.push(Buffer.from(unquote(match), 'latin1'));
  }
  return args;
}

function unquote(match: RegExpExecArray): string {
  const [, double, single, bare] = match;
  if (double !== undefined) {
    return double.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, letter: string) =>
      hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (QUOTED_ESCAPES[letter] ?? letter),
    );
  }
  return single !== undefined ? single.replaceAll("\\'", "'") : (bare as string);
}
