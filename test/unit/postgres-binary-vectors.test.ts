import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHalfvec, encodeHalfvecArray } from '../../shared/adapters/postgres/binary-vectors.ts';

const halfvecOid = 16_500;
const vectors = fc.array(
  fc.float32Array({ noNaN: true, noDefaultInfinity: true, min: -65_000, max: 65_000, minLength: 1, maxLength: 40 }),
  {
    maxLength: 8,
  },
);

/** As `array_recv` and `halfvec_recv` read it, by the letter. */
function decode(buffer: Buffer): { oid: number; vectors: number[][] } {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const oid = view.getUint32(8);
  expect(view.getInt32(4)).toBe(0);
  if (view.getInt32(0) === 0) return { oid, vectors: [] };
  expect([view.getInt32(0), view.getInt32(16)]).toEqual([1, 1]);
  const decoded: number[][] = [];
  let offset = 20;
  for (let index = 0; index < view.getInt32(12); index++) {
    const length = view.getInt32(offset);
    const dimensions = view.getInt16(offset + 4);
    expect([length, view.getInt16(offset + 6)]).toEqual([4 + dimensions * 2, 0]);
    decoded.push(Array.from({ length: dimensions }, (_, at) => half(view.getUint16(offset + 8 + at * 2))));
    offset += 4 + length;
  }
  expect(offset).toBe(buffer.length);
  return { oid, vectors: decoded };
}

/** IEEE 754 binary16, without the runtime's own half floats. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

describe('binary vectors', () => {
  it('are the nearest half floats, in the order and layout that the server reads', () => {
    fc.assert(
      fc.property(vectors, (list) => {
        const decoded = decode(encodeHalfvecArray(list, halfvecOid));
        expect(decoded.oid).toBe(halfvecOid);
        expect(decoded.vectors.map((vector) => vector.length)).toEqual(list.map((vector) => vector.length));
        for (const [index, vector] of list.entries()) {
          for (const [at, component] of vector.entries()) {
            const error = Math.abs((decoded.vectors[index]?.[at] as number) - component);
            // Half a unit in the last place: 11 bits, or 2^-25 below the smallest normal number.
            expect(error).toBeLessThanOrEqual(Math.max(Math.abs(component) * 2 ** -11, 2 ** -25));
          }
        }
      }),
    );
  });

  it('of one vector are an element of the array without its length', () => {
    const vector = new Float32Array([0.5, -1]);
    expect(encodeHalfvec(vector)).toEqual(encodeHalfvecArray([vector], halfvecOid).subarray(24));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 65_520])('refuse %d', (bad) => {
    expect(() => encodeHalfvec(new Float32Array([0, bad]))).toThrow('finite');
    expect(() => encodeHalfvecArray([new Float32Array([1]), new Float32Array([bad])], halfvecOid)).toThrow('finite');
  });
});
