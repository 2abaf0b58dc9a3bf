import { type BucketRequest, headerOf } from './context.ts';
import { S3Error } from './errors.ts';
import type { ObjectVersion } from './object-version.ts';

/** Both ends inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes that `Range` or `partNumber` asks for, or undefined for all. Several ranges at once, and a header that is
 * not a byte range, are answered with the whole object, as S3 does. Throws InvalidRange.
 */
export function byteRange(request: BucketRequest, version: ObjectVersion): ByteRange | undefined {
  const part = request.query.get('partNumber');
  if (part !== undefined) return partRange(Number(part), version);
  const header = headerOf(request, 'range');
  return header === undefined ? undefined : parseRange(header, version.size);
}

export function parseRange(header: string, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw invalidRange(header, size);
    return { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw invalidRange(header, size);
  return { start, end };
}

function partRange(number: number, { size, attributes }: ObjectVersion): ByteRange | undefined {
  const sizes = attributes.partSizes ?? [size];
  const own = sizes[number - 1];
  if (own === undefined) throw new S3Error('InvalidRange', 'The requested partnumber is not satisfiable');
  const start = sizes.slice(0, number - 1).reduce((sum, each) => sum + each, 0);
  return own === 0 ? undefined : { start, end: start + own - 1 };
}

function invalidRange(header: string, size: number): S3Error {
  const details = { RangeRequested: header, ActualObjectSize: String(size) };
  return new S3Error('InvalidRange', 'The requested range is not satisfiable', details, {
    'content-range': `bytes */${size}`,
  });
}
