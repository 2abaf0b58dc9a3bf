/** Replaced by the bundler: true only in the bundle of the `test` stage. From all others the code behind it is removed. */
declare const ACTING_FAILPOINTS: boolean;

/** Ends whatever process reads it, where failpoints act: as a text would that our code has a fault with. */
export const deadlyWords = 'no process survives these words';

/** The failpoint that lies in a text. */
export function dieOf(bytes: Uint8Array): void {
  if (typeof ACTING_FAILPOINTS === 'undefined' || !ACTING_FAILPOINTS) return;
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(deadlyWords))
    process.kill(process.pid, 'SIGKILL');
}
