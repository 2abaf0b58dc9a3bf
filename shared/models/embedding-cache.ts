import { createHash } from 'node:crypto';
import { type Cache, noCache } from '../core/cache.ts';
import { isUsableVector } from './check-response.ts';

const digestBytes = 8;

/** Names a vector: the space it is of, and the SHA-256 of the text. */
export interface EmbeddingSpace {
  readonly workspaceId: string;
  readonly model: string;
  readonly dimensions: number;
}

/**
 * Vectors by the hash of their text. A value is 8 bytes of a digest over key and vector, then the vector as little-endian float32:
 * a third of JSON's memory and a sixth of its time, and an entry that is not what its key says is a miss.
 */
export class EmbeddingCache {
  private readonly cache: Cache;
  private readonly secondsToLive: number;

  constructor(cache: Cache, secondsToLive: number) {
    this.cache = cache;
    this.secondsToLive = secondsToLive;
  }

  /** Whether there is a cache: what is not found in none was not missed. */
  get isOn(): boolean {
    return this.cache !== noCache;
  }

  /** @returns one vector a hash, in order; undefined for a miss */
  async get(space: EmbeddingSpace, hashes: readonly Uint8Array[]): Promise<(Float32Array | undefined)[]> {
    if (hashes.length === 0) return [];
    const keys = hashes.map((hash) => embeddingKey(space, hash));
    const values = await this.cache.getMany(keys);
    return keys.map((key, i) => decodeVector(key, values[i], space.dimensions));
  }

  async set(
    space: EmbeddingSpace,
    entries: readonly { readonly hash: Uint8Array; readonly vector: Float32Array }[],
  ): Promise<void> {
    if (entries.length === 0) return;
    const encoded = entries.map(({ hash, vector }) => {
      const key = embeddingKey(space, hash);
      return { key, value: encodeVector(key, vector) };
    });
    await this.cache.setMany(encoded, this.secondsToLive);
  }
}

/** The tag spreads a workspace over 256 slots and keeps each slot's keys together, so that one MGET can read them. */
export function embeddingKey(space: EmbeddingSpace, hash: Uint8Array): string {
  const hex = Buffer.from(hash).toString('hex');
  return `emb:{${space.workspaceId}:${hex.slice(0, 2)}}:${space.model}:${hex}`;
}

function encodeVector(key: string, vector: Float32Array): Buffer {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  return Buffer.concat([digest(key, bytes), bytes]);
}

function decodeVector(key: string, value: Uint8Array | undefined, dimensions: number): Float32Array | undefined {
  if (value === undefined || value.byteLength !== digestBytes + dimensions * 4) return undefined;
  const bytes = value.subarray(digestBytes);
  if (digest(key, bytes).compare(value, 0, digestBytes) !== 0) return undefined;
  // A copy: the bytes lie unaligned in the connection's buffer, and would keep all of it alive.
  const vector = new Float32Array(new Uint8Array(bytes).buffer);
  return isUsableVector(vector) ? vector : undefined;
}

function digest(key: string, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(bytes).digest().subarray(0, digestBytes);
}
