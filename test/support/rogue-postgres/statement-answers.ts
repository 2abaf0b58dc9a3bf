import type { Socket } from 'node:net';

/** What a server does with the statement of a caller, after it took everything else as PostgreSQL does. */
export type StatementRoguery =
  | 'a value of a gigabyte'
  | 'rows without end'
  | 'no answer'
  | 'no UTF-8'
  | 'values of other types'
  | 'more cells than columns'
  | 'a broken connection'
  | 'no answer to BEGIN'
  | 'no plan'
  | 'a message cut short'
  | 'an error of its own';

/** A message of the server: its letter, its length, its body. */
function message(letter: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const head = Buffer.alloc(5, letter);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};

const text = 25;

/** @param types numbers of the columns' types */
const description = (types: readonly number[], name = 'c'): Buffer =>
  message(
    'T',
    int16(types.length),
    ...types.flatMap((type, at) => [
      `${name}${at || ''}\0`,
      int32(0),
      int16(0),
      int32(type),
      int16(-1),
      int32(-1),
      int16(0),
    ]),
  );
const row = (cells: readonly (Buffer | string)[]): Buffer =>
  message('D', int16(cells.length), ...cells.flatMap((cell) => [int32(Buffer.byteLength(cell)), cell]));
const complete = (tag: string): Buffer => message('C', `${tag}\0`);
const readied = message('1');
const bound = message('2');
const ready = message('Z', 'T');

const plan = JSON.stringify([{ Plan: { 'Total Cost': 1 } }]);

/** Speaks the extended protocol for one session, whose login has ended. */
export function answerStatements(socket: Socket, roguery: StatementRoguery): void {
  let received = Buffer.alloc(0);
  let statement = '';
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 5 && received.length > received.readInt32BE(1)) {
      const end = received.readInt32BE(1) + 1;
      const [letter, body] = [String.fromCharCode(received[0] ?? 0), received.subarray(5, end)];
      received = received.subarray(end);
      if (letter === 'P')
        statement = body.subarray(body.indexOf(0) + 1, body.indexOf(0, body.indexOf(0) + 1)).toString();
      if (letter === 'S') answer(socket, statement, roguery);
    }
  });
}

function answer(socket: Socket, statement: string, roguery: StatementRoguery): void {
  const whole = (...messages: readonly Buffer[]) =>
    void socket.write(Buffer.concat([readied, bound, ...messages, ready]));
  if (/^BEGIN/.test(statement) && roguery === 'no answer to BEGIN') return;
  if (/^(BEGIN|ROLLBACK)/.test(statement)) return void whole(message('n'), complete(statement.split(' ')[0] ?? ''));
  if (/^EXPLAIN/.test(statement)) {
    const told = roguery === 'no plan' ? 'Seq Scan on something' : plan;
    return void whole(description([text], 'QUERY PLAN'), row([told]), complete('EXPLAIN'));
  }
  if (/^SELECT \* FROM \(/.test(statement)) return void misbehave(socket, roguery, whole);
  if (/set_config/.test(statement)) return void whole(description([text]), row(['set']), complete('SELECT 1'));
  whole(description([text]), complete('SELECT 0'));
}

function misbehave(socket: Socket, roguery: StatementRoguery, whole: (...messages: readonly Buffer[]) => void): void {
  switch (roguery) {
    case 'a value of a gigabyte': {
      const head = Buffer.concat([Buffer.from('D'), int32(2 ** 30 + 10), int16(1), int32(2 ** 30)]);
      socket.write(Buffer.concat([readied, bound, description([text]), head]));
      return void pour(socket, Buffer.alloc(1 << 20, 'x'));
    }
    case 'rows without end':
      socket.write(Buffer.concat([readied, bound, description([text])]));
      return void pour(socket, Buffer.concat(Array.from({ length: 1_000 }, (_, n) => row([`row ${n}`]))));
    case 'no UTF-8':
      return void whole(
        description([text]),
        row([Buffer.from([0x61, 0xff, 0xfe, 0x80, 0xed, 0xa0, 0x80])]),
        complete('SELECT 1'),
      );
    case 'values of other types': {
      // bool, int4, int8, float8, numeric, jsonb, int4[], timestamptz, and a type that nobody knows.
      const types = [16, 23, 20, 701, 1700, 3802, 1007, 1184, 999_999];
      const cells = ['maybe', 'abc', '1e999', '0x10', 'lots', '{"a": ', '{1,{2', 'yesterday', '{}'];
      return void whole(description(types), row(cells), complete('SELECT 1'));
    }
    case 'more cells than columns':
      return void whole(description([text]), row(['a', 'b', 'c']), row([]), complete('SELECT 2'));
    case 'a message cut short':
      return void socket.write(Buffer.concat([readied, bound, message('T', int16(500))]));
    case 'an error of its own':
      return void socket.write(
        Buffer.concat([readied, bound, message('E', 'SERROR\0CXX000\0Ma secret of theirs\0\0'), ready]),
      );
    case 'a broken connection':
      socket.write(Buffer.concat([readied, bound, description([text]), row(['a'])]));
      return void socket.end();
  }
}

/** As fast as it is taken. */
function pour(socket: Socket, piece: Buffer): void {
  while (!socket.destroyed && socket.write(piece));
  if (!socket.destroyed) socket.once('drain', () => pour(socket, piece));
}
