import { createDeflateRaw } from 'node:zlib';
import { ZipPassThrough } from 'fflate';

/** `deflate`, in the numbers of zip. */
const deflated = 8;
/** Text becomes about a third; more effort gains little of that and takes twice as long. */
const level = 3;

/**
 * A compressed file of a zip. Compressed by zlib: its memory is of one size and its work in a thread of its own, where a compressor in
 * JavaScript makes as much garbage as it is given text.
 */
export class DeflatedFile extends ZipPassThrough {
  override compression = deflated;
  private readonly deflater = createDeflateRaw({ level });
  private taken: Promise<void> = Promise.resolve();

  constructor(path: string) {
    super(path);
    this.deflater.on('data', (bytes: Uint8Array<ArrayBuffer>) => this.ondata(null, bytes, false));
    // Whoever waits for what was pushed hears of it.
    this.deflater.on('error', () => {});
  }

  protected override process(chunk: Uint8Array, final: boolean): void {
    const { deflater } = this;
    if (final) deflater.once('end', () => this.ondata(null, new Uint8Array(0), true));
    this.taken = new Promise((resolve, reject) => {
      // One that was given up calls back with an error, and emits none.
      if (!final) deflater.write(chunk, (error) => (error ? reject(error) : resolve()));
      else deflater.once('end', resolve).end(chunk, (error?: Error | null) => error && reject(error));
    });
  }

  /** Resolves when what was pushed last is compressed; of the last push, when all is in the zip. */
  async compressed(): Promise<void> {
    await this.taken;
  }

  terminate(): void {
    this.deflater.destroy();
  }
}
