import { createHash } from 'node:crypto';

const digestBytes = 16;

/** A value prefixed with a digest over it and its key, so that a value stored under the wrong key is recognised. */
export function seal(key: string, body: Uint8Array): Buffer {
  return Buffer.concat([digest(key, body), body]);
}

/** @returns undefined for a value that was not sealed under this key */
export function unseal(key: string, value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined || value.byteLength <= digestBytes) return undefined;
  const body = value.subarray(digestBytes);
  return digest(key, body).compare(value, 0, digestBytes) === 0 ? body : undefined;
}

function digest(key: string, body: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(body).digest().subarray(0, digestBytes);
}
