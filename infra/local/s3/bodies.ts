import { randomUUID } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * The objects' bytes, one file a body under a random name, so that no key ever becomes a path. A body is immutable:
 * written beside, renamed, and only then named by a row. A crash in between leaves a file that no row names; `sweep`
 * takes it away at the next start.
 */
export interface BodyStore {
  /** Drains `source` through `transforms` into a new body and returns its id. Nothing is left behind when it fails. */
  write(source: Readable, transforms?: readonly Transform[]): Promise<string>;
  /** A small body at once; returns its id. Nothing is left behind when it fails. */
  writeWhole(bytes: Uint8Array): string;
  /** A part of a small body at once; `end` is inclusive. */
  read(id: string, range: { readonly start: number; readonly end: number }): Buffer;
  /** Opens before it returns, so a body removed a moment later can still be read to its end. `end` is inclusive. */
  open(id: string, range?: { readonly start: number; readonly end: number }): ReadStream;
  remove(id: string): Promise<void>;
  /** Removes what no row names, and half-written files. Only at the start, before any request. */
  sweep(isNamed: (id: string) => boolean): void;
}

/** Up to here a body is read and written in one piece: the streams of a file cost more than its bytes. */
export const smallBody = 256 * 1024;

export function createBodyStore(directory: string): BodyStore {
  const bodies = join(directory, 'bodies');
  const unfinished = join(directory, 'unfinished');
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  mkdirSync(bodies, { recursive: true, mode: 0o700 });

  const shards = new Set<string>();
  const pathOf = (id: string) => join(bodies, id.slice(0, 2), id);

  function makeShard(id: string): void {
    const shard = id.slice(0, 2);
    if (shards.has(shard)) return;
    mkdirSync(join(bodies, shard), { recursive: true, mode: 0o700 });
    shards.add(shard);
  }

  function writeWhole(bytes: Uint8Array): string {
    const id = randomUUID();
    const path = join(unfinished, id);
    try {
      writeFileSync(path, bytes, { mode: 0o600 });
      makeShard(id);
      renameSync(path, pathOf(id));
      return id;
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  async function write(source: Readable, transforms: readonly Transform[] = []): Promise<string> {
    const id = randomUUID();
    const path = join(unfinished, id);
    try {
      await pipeline([source, ...transforms, createWriteStream(path, { mode: 0o600 })]);
      makeShard(id);
      await rename(path, pathOf(id));
      return id;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  return {
    write,
    writeWhole,
    open: (id, range) => createReadStream(pathOf(id), { fd: openSync(pathOf(id), 'r'), ...range }),
    read(id, { start, end }) {
      const buffer = Buffer.allocUnsafe(end - start + 1);
      const file = openSync(pathOf(id), 'r');
      try {
        return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, start));
      } finally {
        closeSync(file);
      }
    },
    remove: (id) => rm(pathOf(id), { force: true }),
    sweep(isNamed) {
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished, { mode: 0o700 });
      for (const shard of readdirSync(bodies)) {
        for (const id of readdirSync(join(bodies, shard))) {
          if (!isNamed(id)) rmSync(join(bodies, shard, id), { force: true });
        }
      }
    },
  };
}
