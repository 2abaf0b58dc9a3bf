import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashApiKey, isWellFormedApiKey, newApiKeySecret } from '../../../shared/access/api-key.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('an API key', () => {
  it('has its form, its chance and its checksum', () => {
    const keys = Array.from({ length: 500 }, newApiKeySecret);
    for (const key of keys) {
      expect(key).toMatch(/^dbrag_[0-9A-Za-z]{36}$/);
      expect(isWellFormedApiKey(key)).toBe(true);
    }
    expect(new Set(keys).size).toBe(500);
    const letters = new Set(keys.flatMap((key) => [...key.slice(6, 36)]));
    expect(letters.size).toBe(62);
  });

  it('is refused after any change of one character, and any swap of two', () => {
    fc.assert(
      fc.property(fc.nat({ max: 35 }), fc.constantFrom(...alphabet), fc.nat({ max: 34 }), (at, letter, pair) => {
        const key = newApiKeySecret();
        const typo = key.slice(0, 6 + at) + letter + key.slice(7 + at);
        const [a, b] = [key[6 + pair], key[7 + pair]] as [string, string];
        const swapped = key.slice(0, 6 + pair) + b + a + key.slice(8 + pair);
        expect(isWellFormedApiKey(typo)).toBe(typo === key);
        expect(isWellFormedApiKey(swapped)).toBe(swapped === key);
      }),
    );
  });

  it('is nothing else', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !isWellFormedApiKey(text)));
    for (const wrong of ['', 'dbrag_', `dbrag_${'0'.repeat(36)}`, ` ${newApiKeySecret()}`, `${newApiKeySecret()}\n`])
      expect(isWellFormedApiKey(wrong)).toBe(false);
  });

  it('is kept as 32 bytes that do not lead back', () => {
    const key = newApiKeySecret();
    expect(hashApiKey(key)).toHaveLength(32);
    expect(hashApiKey(key)).toEqual(hashApiKey(key));
    expect(hashApiKey(key).toString('latin1')).not.toContain(key.slice(6));
  });
});
