import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DbragError } from '../../../shared/core/errors.ts';
import { idPrefixes, newUuid, parsePublicId, publicId, tryParsePublicId } from '../../../shared/core/ids.ts';
import { pageOf } from '../../../shared/core/page.ts';

describe('ids', () => {
  it('are UUIDv7: later ones sort later', () => {
    const times = [0, 1, 1_000, Date.UTC(2026, 0), Date.UTC(2026, 0) + 1, 2 ** 48 - 1];
    const ids = times.map((time) => newUuid(time));
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(Array.from({ length: 1_000 }, () => newUuid(0))).size).toBe(1_000);
  });

  it('come back from their public form', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(idPrefixes) as (keyof typeof idPrefixes)[])),
        fc.uuid(),
        (kind, id) => {
          expect(parsePublicId(kind, publicId(kind, id))).toBe(id);
        },
      ),
    );
  });

  it('of another kind or form are not found', () => {
    const id = publicId('document', newUuid());
    for (const wrong of [
      id.replace('doc_', 'col_'),
      id.toUpperCase(),
      `${id}0`,
      id.slice(0, -1),
      ` ${id}`,
      `${id}\n`,
      '',
    ]) {
      expect(tryParsePublicId('document', wrong)).toBeUndefined();
      expect(() => parsePublicId('document', wrong)).toThrow(DbragError);
    }
  });

  it('have a prefix of their own for every kind', () => {
    const prefixes = Object.values(idPrefixes);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});

describe('a page', () => {
  it('knows by the row too many that more follow', () => {
    expect(pageOf([1, 2, 3], 2)).toEqual({ items: [1, 2], hasMore: true });
    expect(pageOf([1, 2], 2)).toEqual({ items: [1, 2], hasMore: false });
    expect(pageOf([], 2)).toEqual({ items: [], hasMore: false });
  });
});
