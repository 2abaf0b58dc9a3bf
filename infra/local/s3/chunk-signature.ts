import { createHash, createHmac } from 'node:crypto';
import { S3Error } from './errors.ts';

const EMPTY_HASH = createHash('sha256').digest('hex');

/** Checks the signature chain of a body sent as `STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`. */
export interface ChunkSignatures {
  /** Throws SignatureDoesNotMatch. */
  verifyChunk(signature: string | undefined, chunkHash: string): void;
  verifyTrailers(trailers: ReadonlyMap<string, string>): void;
}

/**
 * The chain starts from the signature of the request's headers; each chunk signs its predecessor's signature.
 * Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", S3 API reference.
 */
export function chunkSignatures(authorization: string, date: string, secretAccessKey: string): ChunkSignatures {
  const scope = /Credential=[^/]+\/([^,\s]+)/.exec(authorization)?.[1] ?? '';
  let previous = /Signature=([\da-f]{64})/.exec(authorization)?.[1] ?? '';
  const key = scope
    .split('/')
    .reduce<string | Buffer>(
      (parent, part) => createHmac('sha256', parent).update(part).digest(),
      `AWS4${secretAccessKey}`,
    );

  const verify = (signature: string | undefined, ...lines: string[]) => {
    const expected = createHmac('sha256', key).update(lines.join('\n')).digest('hex');
    if (signature !== expected) {
      throw new S3Error('SignatureDoesNotMatch', 'A chunk signature does not match the one calculated for it.');
    }
    previous = expected;
  };

  return {
    verifyChunk: (signature, chunkHash) =>
      verify(signature, 'AWS4-HMAC-SHA256-PAYLOAD', date, scope, previous, EMPTY_HASH, chunkHash),
    verifyTrailers(trailers) {
      const signed = [...trailers].filter(([name]) => name !== 'x-amz-trailer-signature');
      const canonical = signed.map(([name, value]) => `${name}:${value}\n`).join('');
      const hash = createHash('sha256').update(canonical).digest('hex');
      verify(trailers.get('x-amz-trailer-signature'), 'AWS4-HMAC-SHA256-TRAILER', date, scope, previous, hash);
    },
  };
}
