import { createHash } from 'node:crypto';
import { DocumentError } from '../core/document-errors.ts';
import { type ObjectStore, ObjectTooLarge } from '../core/object-store.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { parse } from './parse.ts';
import { defaultParseLimits } from './parse-in-child.ts';
import type { ParseLimits } from './parse-in-child-contract.ts';
import type { ParsedDocument } from './parsed-document.ts';

export interface ReadPorts {
  readonly objects: ObjectStore;
  readonly maximumFileBytes: number;
  /** Milliseconds until the invocation is ended: reading a file takes a part of them at most, so that its verdict is still written. */
  readonly remainingTime?: () => number;
}

export interface ReadVersion {
  readonly document: ParsedDocument;
  /** Of the file. */
  readonly contentHash: Buffer;
}

/**
 * The bytes of a version, from the bucket.
 * @throws DocumentError object_missing, file_too_large
 */
export async function readObject({ objects, maximumFileBytes }: ReadPorts, claim: ClaimedVersion): Promise<Uint8Array> {
  const { key, versionId } = claim.object;
  try {
    const stored = await objects.get(key, { versionId: versionId ?? undefined, maximumBytes: maximumFileBytes });
    if (!stored) throw new DocumentError('object_missing', 'The file is not in the bucket any more.');
    return stored.body;
  } catch (error) {
    if (!(error instanceof ObjectTooLarge)) throw error;
    const message = `The file has ${error.bytes} bytes; at most ${maximumFileBytes} are read.`;
    throw new DocumentError('file_too_large', message, { cause: error });
  }
}

/** @param body taken over */
export async function parseObject(ports: ReadPorts, claim: ClaimedVersion, body: Uint8Array): Promise<ReadVersion> {
  const contentHash = createHash('sha256').update(body).digest();
  return { document: await parse(body, claim, limitsWithin(ports.remainingTime?.())), contentHash };
}

/** Of the time left; the rest is for splitting and storing. */
const parsingShare = 0.6;

/** @param remaining milliseconds of the invocation */
export function limitsWithin(
  remaining = Number.POSITIVE_INFINITY,
  limits: ParseLimits = defaultParseLimits,
): ParseLimits {
  const timeoutMilliseconds = Math.min(limits.timeoutMilliseconds, Math.max(0, remaining * parsingShare));
  return { ...limits, timeoutMilliseconds };
}
