import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, FramingError } from '../../../infra/local/postgres/frame-reader.ts';
import { message } from '../../../infra/local/postgres/protocol-messages.ts';

const frames = fc.array(fc.tuple(fc.constantFrom(...'QPBDESHdcX'), fc.uint8Array({ maxLength: 300 })), {
  maxLength: 12,
});

test('however the bytes are cut, the same messages come out', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (messages, sizes) => {
      const wanted = messages.map(([type, body]) => message(type, Buffer.from(body)));
      const stream = Buffer.concat(wanted);
      const reader = new FrameReader();
      const got: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const end = at + (sizes[turn % sizes.length] as number);
        reader.push(stream.subarray(at, end));
        for (let frame = reader.next('ready'); frame; frame = reader.next('ready')) got.push(frame.bytes);
        at = end;
      }
      expect(got.map((bytes) => bytes.toString('hex'))).toEqual(wanted.map((bytes) => bytes.toString('hex')));
      expect(reader.buffered).toBe(0);
    }),
  );
});

test('a message that came whole is a view, not a copy', () => {
  const chunk = message('Q', 'SELECT 1\0');
  const reader = new FrameReader();
  reader.push(chunk);
  expect(reader.next('ready')?.bytes.buffer).toBe(chunk.buffer);
});

test.each([
  ['an unknown type', Buffer.from('!\0\0\0\x04')],
  ['a length below 4', Buffer.from('Q\0\0\0\x03')],
  ['a negative length', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff])],
])('%s is refused as soon as the header is there', (_name, bytes) => {
  const reader = new FrameReader();
  reader.push(bytes);
  expect(() => reader.next('ready')).toThrow(FramingError);
});

test('before the login a message may have 64 kB', () => {
  const reader = new FrameReader();
  reader.push(message('p', Buffer.alloc(70_000)));
  expect(() => reader.next('authentication')).toThrow(FramingError);
});
