/** Fields of an ErrorResponse that we write ourselves. */
export interface ProtocolError {
  readonly severity: 'ERROR' | 'FATAL';
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
}

export type TransactionStatus = 'I' | 'T' | 'E';

/** A message with its type letter and length in front. */
export function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const header = Buffer.allocUnsafe(5);
  header.writeUInt8(type.charCodeAt(0), 0);
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}

export function errorResponse(error: ProtocolError): Buffer {
  const { severity, code, message: text } = error;
  return message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`);
}

export const authenticationOk = (): Buffer => message('R', int32(0));
export const authenticationSasl = (): Buffer => message('R', int32(10), 'SCRAM-SHA-256\0\0');
export const authenticationSaslContinue = (data: string): Buffer => message('R', int32(11), data);
export const authenticationSaslFinal = (data: string): Buffer => message('R', int32(12), data);
export const parameterStatus = (name: string, value: string): Buffer => message('S', `${name}\0${value}\0`);
export const backendKeyData = (processId: number, secret: number): Buffer =>
  message('K', int32(processId), int32(secret));
export const readyForQuery = (status: TransactionStatus): Buffer => message('Z', status);
export const simpleQuery = (sql: string): Buffer => message('Q', `${sql}\0`);
export const closeStatement = (name: string): Buffer => message('C', `S${name}\0`);
export const sync = (): Buffer => message('S');
export const flush = (): Buffer => message('H');

/** CopyInResponse. The number of columns is not known before the statement has run; clients do not look at it. */
export const copyInResponse = (binary: boolean): Buffer =>
  message('G', Buffer.from([binary ? 1 : 0]), Buffer.from([0, 0]));

/** NegotiateProtocolVersion: we speak 3.0 and none of the `_pq_.` options. */
export function negotiateProtocolVersion(options: readonly string[]): Buffer {
  return message('v', int32(196_608), int32(options.length), ...options.map((option) => `${option}\0`));
}

/** One message of the server's, located in a buffer: the type byte, and where the body starts and ends. */
export interface BackendFrame {
  readonly type: number;
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
}

/** Walks over whole messages of the server. */
export function* backendFrames(output: Buffer): Generator<BackendFrame> {
  for (let start = 0; start + 5 <= output.length; ) {
    const end = start + 1 + output.readInt32BE(start + 1);
    yield { type: output[start] as number, start, bodyStart: start + 5, end };
    start = end;
  }
}

/** The zero-terminated string at `offset`. */
export function stringAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('utf8', offset, end < 0 ? bytes.length : end);
}

/** The fields of an ErrorResponse or NoticeResponse by their letter (`C` is the SQLSTATE, `M` the message). */
export function errorFields(output: Buffer, frame: BackendFrame): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = frame.bodyStart; at < frame.end && output[at] !== 0; ) {
    const value = stringAt(output, at + 1);
    fields[String.fromCharCode(output[at] as number)] = value;
    at += 2 + Buffer.byteLength(value);
  }
  return fields;
}

/** The columns of a DataRow as text. */
export function dataRow(output: Buffer, frame: BackendFrame): (string | null)[] {
  const columns: (string | null)[] = [];
  let at = frame.bodyStart + 2;
  for (let left = output.readInt16BE(frame.bodyStart); left > 0; left -= 1) {
    const length = output.readInt32BE(at);
    at += 4;
    columns.push(length < 0 ? null : output.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return columns;
}

/** The same frontend message with the strings at the front of its body (after `skip` bytes) replaced. */
export function replaceStrings(frame: Buffer, skip: number, replacements: readonly (string | undefined)[]): Buffer {
  const parts: Buffer[] = [frame.subarray(0, 5 + skip)];
  let at = 5 + skip;
  for (const replacement of replacements) {
    const end = frame.indexOf(0, at) + 1;
    if (end === 0) return frame; // malformed: the backend says so
    parts.push(replacement === undefined ? frame.subarray(at, end) : Buffer.from(`${replacement}\0`));
    at = end;
  }
  parts.push(frame.subarray(at));
  const replaced = Buffer.concat(parts);
  replaced.writeInt32BE(replaced.length - 1, 1);
  return replaced;
}
