import { describe, expect, it } from 'vitest';
import { costUsd, prices } from '../../../shared/usage/prices.ts';

describe('prices', () => {
  it('are dated, positive and one a model', () => {
    for (const { input, asOf } of prices) {
      expect(input).toBeGreaterThan(0);
      expect(asOf).toMatch(/^\d{4}-\d\d-\d\d$/);
    }
    expect(new Set(prices.map(({ model }) => model)).size).toBe(prices.length);
  });

  it('give the cost of a million tokens', () => {
    expect(costUsd('text-embedding-3-small', { input: 1_000_000 })).toBeCloseTo(0.02, 12);
    expect(costUsd('text-embedding-3-large', { input: 500_000 })).toBeCloseTo(0.065, 12);
    expect(costUsd('unknown', { input: 1_000_000 })).toBe(0);
  });

  it('may be overridden', () => {
    const table = [{ model: 'mine', input: 1, output: 3, asOf: '2026-01-01' }];
    expect(costUsd('mine', { input: 1_000_000, output: 2_000_000 }, table)).toBe(7);
  });
});
