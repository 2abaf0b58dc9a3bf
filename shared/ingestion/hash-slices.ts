/** Texts whose words are counted in one statement: 84,000 took 14 s on a busy machine, and no statement may take 15. */
const textsPerStatement = 10_000;
/** First bytes of a content hash, which is as good as random. */
const firstBytes = 256;

/** Both ends belong to it. */
export type ByteRange = readonly [from: number, to: number];

/** Parts the first bytes of content hashes so that each part holds about as many texts as one statement takes: nearly always there is one. */
export function hashSlices(texts: number): ByteRange[] {
  const slices = Math.min(firstBytes, Math.max(1, Math.ceil(texts / textsPerStatement)));
  const startOf = (slice: number): number => Math.floor((slice * firstBytes) / slices);
  return Array.from({ length: slices }, (_, slice) => [startOf(slice), startOf(slice + 1) - 1] as const);
}
