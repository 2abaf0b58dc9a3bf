import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openaiEmbeddingLimits as limits } from '../../../shared/models/embedder.ts';
import { type InputSize, packRequests } from '../../../shared/models/pack-requests.ts';

const input = fc
  .record({ tokens: fc.integer({ min: 1, max: 8_191 }), bytesPerToken: fc.double({ min: 0.5, max: 8, noNaN: true }) })
  .map(({ tokens, bytesPerToken }) => ({ tokens, bytes: Math.ceil(tokens * bytesPerToken) }));
const small = fc.constant({ tokens: 3, bytes: 9 });
const inputs = fc.oneof(fc.array(input, { maxLength: 300 }), fc.array(small, { minLength: 2_000, maxLength: 6_000 }));

const counted = (request: readonly InputSize[]): number =>
  Math.max(
    request.reduce((sum, { tokens }) => sum + tokens, 0),
    request.reduce((sum, { bytes }) => sum + bytes, 0) / 4,
  );

describe('packRequests', () => {
  it('keeps every limit, every input and their order', () => {
    fc.assert(
      fc.property(inputs, (all) => {
        const { requests, tooLong } = packRequests(all, limits);
        expect(requests.flat()).toEqual(all);
        expect(tooLong).toEqual([]);
        for (const request of requests) {
          expect(request.length).toBeGreaterThan(0);
          expect(request.length).toBeLessThanOrEqual(limits.maximumInputs);
          expect(counted(request)).toBeLessThanOrEqual(limits.maximumTokensPerRequest);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('begins a request only when the next input no longer fits', () => {
    fc.assert(
      fc.property(inputs, (all) => {
        const { requests } = packRequests(all, limits);
        for (const [i, request] of requests.slice(0, -1).entries()) {
          const next = requests[i + 1]?.[0] as InputSize;
          const fits =
            request.length < limits.maximumInputs && counted([...request, next]) <= limits.maximumTokensPerRequest;
          expect(fits).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is within 1.1 of the minimum for chunks of a usual size', () => {
    const chunk = fc.integer({ min: 1, max: 400 }).map((tokens) => ({ tokens, bytes: tokens * 5 }));
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 5_000, maxLength: 9_000 }), (all) => {
        const minimum = Math.ceil(
          Math.max(counted(all) / limits.maximumTokensPerRequest, all.length / limits.maximumInputs),
        );
        expect(packRequests(all, limits).requests.length).toBeLessThanOrEqual(Math.max(minimum + 1, minimum * 1.1));
      }),
      { numRuns: 20 },
    );
  });

  it('sets aside what no request may hold', () => {
    const long = { tokens: 8_192, bytes: 100 };
    const bulky = { tokens: 1_000, bytes: 1_300_000 };
    const good = { tokens: 8_191, bytes: 8_191 };
    expect(packRequests([long, good, bulky], limits)).toEqual({ requests: [[good]], tooLong: [long, bulky] });
  });
});
