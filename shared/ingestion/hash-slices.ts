/** Texts whose words one statement counts: 84,000 took 14 s on a busy machine, and a statement may take 15 s. */
const textsPerStatement = 10_000;
/** Values of the first byte of a content hash, which is as good as random. */
const firstBytes = 256;

/** A range of first bytes, both ends inclusive. */
export type ByteRange = readonly [from: number, to: number];

/** Divides content hashes, by their first bytes, into slices that one statement can take. Nearly always there is only one. */
export function hashSlices(texts: number): ByteRange[] {
  const slices = Math.min(firstBytes, Math.max(1, Math.ceil(texts / textsPerStatement)));
  const startOf = (slice: number): number => Math.floor((slice * firstBytes) / slices);
  return Array.from({ length: slices }, (_, slice) => [startOf(slice), startOf(slice + 1) - 1] as const);
}
