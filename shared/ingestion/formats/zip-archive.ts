import { inflateRawSync } from 'node:zlib';
import { DocumentError } from '../../core/document-errors.ts';
import { mostExpandedBytes } from './expansion-limits.ts';
import { listZipEntries, type ZipEntry } from './zip-entries.ts';

const stored = 0;
const deflated = 8;

/** Reads entries of a ZIP file, each when asked for and all within one limit of expanded bytes. Archives inside are not opened. */
export class ZipArchive {
  readonly names: readonly string[];
  private readonly bytes: Uint8Array;
  private readonly entries: ReadonlyMap<string, ZipEntry>;
  private remaining: number;

  /** @throws DocumentError `corrupt_file`, `file_expands_too_far` by what its directory says already */
  constructor(bytes: Uint8Array) {
    const entries = listZipEntries(bytes);
    this.bytes = bytes;
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.names = [...this.entries.keys()];
    this.remaining = mostExpandedBytes(bytes.length);
    if (entries.reduce((sum, { size }) => sum + size, 0) > this.remaining) throw tooFar();
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /**
   * @param mostBytes what this entry may expand to
   * @returns undefined when there is no such entry
   * @throws DocumentError `encrypted_file`, `corrupt_file`, `file_expands_too_far`
   */
  read(name: string, mostBytes = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    if (entry.isEncrypted) throw new DocumentError('encrypted_file', 'The file is encrypted.');
    const expanded = this.expand(entry, Math.min(mostBytes, this.remaining));
    this.remaining -= expanded.length;
    if (this.remaining < 0) throw tooFar();
    return expanded;
  }

  private expand({ method, dataStart, compressedSize }: ZipEntry, mostBytes: number): Uint8Array {
    const data = this.bytes.subarray(dataStart, dataStart + compressedSize);
    if (method === stored) return data;
    if (method !== deflated) throw new DocumentError('corrupt_file', 'The archive is compressed in an unknown way.');
    try {
      return inflateRawSync(data, { maxOutputLength: Math.max(1, mostBytes) });
    } catch (error) {
      if (error instanceof RangeError) throw tooFar(error);
      throw new DocumentError('corrupt_file', 'The archive is broken.', { cause: error });
    }
  }
}

function tooFar(cause?: unknown): DocumentError {
  return new DocumentError('file_expands_too_far', 'The file expands to more than is accepted for its size.', {
    cause,
  });
}
