import { expect, it } from 'vitest';
import { hashSlices } from '../../../shared/ingestion/hash-slices.ts';

it.each([0, 1, 10_000, 10_001, 84_000, 3_000_000, 1e9])('%i texts are parted without a gap and none twice', (texts) => {
  const slices = hashSlices(texts);
  let next = 0;
  for (const [from, to] of slices) {
    expect(from).toBe(next);
    expect(to).toBeGreaterThanOrEqual(from);
    next = to + 1;
  }
  expect(next).toBe(256);
  expect(slices.length).toBe(Math.min(256, Math.max(1, Math.ceil(texts / 10_000))));
});
