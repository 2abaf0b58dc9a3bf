import { createHash, type Hash } from 'node:crypto';
import { Zip, ZipPassThrough } from 'fflate';
import type { ObjectUpload } from '../core/object-store.ts';
import { DeflatedFile } from './deflated-file.ts';

/** What the manifest says of one file of an archive. */
export interface ArchivedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ArchiveFile {
  /** @param bytes not to be changed afterwards: they may be sent later */
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/** Parts of a multipart upload have 5 MiB at least. */
const partBytes = 8 * 1024 * 1024;
/** So that a part becomes no larger than this beyond its least. */
const pushBytes = 256 * 1024;

/**
 * A zip that is written as it goes: what was compressed is sent in parts, so that no more of it is held than two parts, however large it
 * becomes. One file at a time.
 */
export class Archive {
  readonly files: ArchivedFile[] = [];
  /** Of the archive itself, so far. */
  bytes = 0;
  private readonly upload: ObjectUpload;
  private readonly zip: Zip;
  private readonly hash: Hash = createHash('sha256');
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private failure: Error | null = null;

  constructor(upload: ObjectUpload) {
    this.upload = upload;
    this.zip = new Zip((error, chunk) => {
      if (error) this.failure = error;
      else if (chunk.length > 0) this.take(chunk);
    });
  }

  /** @param compressed false for what is compressed already, as most files are */
  begin(path: string, { compressed }: { readonly compressed: boolean }): ArchiveFile {
    const entry = compressed ? new DeflatedFile(path) : new ZipPassThrough(path);
    this.zip.add(entry);
    const push = async (chunk: Uint8Array, final = false): Promise<void> => {
      entry.push(chunk, final);
      if (entry instanceof DeflatedFile) await entry.compressed();
      await this.send(partBytes);
    };
    const hash = createHash('sha256');
    let bytes = 0;
    return {
      write: async (all) => {
        for (let start = 0; start < all.length; start += pushBytes) {
          const chunk = all.subarray(start, start + pushBytes);
          hash.update(chunk);
          bytes += chunk.length;
          await push(chunk);
        }
      },
      end: async () => {
        await push(new Uint8Array(0), true);
        this.files.push({ path, bytes, sha256: hash.digest('hex') });
      },
    };
  }

  /** Ends the archive. @returns its own checksum */
  async complete(): Promise<{ readonly bytes: number; readonly sha256: string }> {
    this.zip.end();
    await this.send(1);
    await this.upload.complete();
    return { bytes: this.bytes, sha256: this.hash.digest('hex') };
  }

  async abort(): Promise<void> {
    this.zip.terminate();
    await this.upload.abort();
  }

  private take(chunk: Uint8Array): void {
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
  }

  private async send(least: number): Promise<void> {
    if (this.failure) throw this.failure;
    if (this.waitingBytes < least) return;
    const part = Buffer.concat(this.waiting, this.waitingBytes);
    this.waiting = [];
    this.waitingBytes = 0;
    this.hash.update(part);
    this.bytes += part.length;
    await this.upload.write(part);
  }
}
