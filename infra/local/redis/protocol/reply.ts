/** A simple string, as `+OK`. */
export class StatusReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An error that a command answers with; the first word is its code. Thrown by commands, and a value inside EXEC. */
export class RedisError extends Error {}

/** The null array of RESP2 (`*-1`), which EXEC answers after a lost WATCH. */
export const NULL_ARRAY = Symbol('null array');

/** The command has written to the connection itself. */
export const ALREADY_SENT = Symbol('already sent');

export type Reply =
  | StatusReply
  | RedisError
  | number
  | bigint
  | Buffer
  | string
  | null
  | typeof NULL_ARRAY
  | typeof ALREADY_SENT
  | readonly Reply[];

export const OK = new StatusReply('OK');
export const PONG = new StatusReply('PONG');
export const QUEUED = new StatusReply('QUEUED');

export const wrongType = () => new RedisError('WRONGTYPE Operation against a key holding the wrong kind of value');
export const syntaxError = () => new RedisError('ERR syntax error');
