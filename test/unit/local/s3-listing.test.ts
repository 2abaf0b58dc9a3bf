import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../infra/local/s3/database.ts';
import { createListings, type ListingEntry } from '../../../infra/local/s3/listing.ts';
import { createObjects } from '../../../infra/local/s3/objects.ts';

const bucket = { name: 'bucket', versioning: 'Enabled' } as const;
const bytesBefore = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));

function withKeys<T>(keys: readonly string[], work: (listings: ReturnType<typeof createListings>) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-listing-'));
  const database = openDatabase(directory);
  try {
    const objects = createObjects(database);
    const attributes = { headers: {}, metadata: {}, encryption: { algorithm: 'AES256' } } as const;
    const version = {
      bucket: 'bucket',
      size: 0,
      etag: 'e',
      bodyId: 'b',
      attributes,
      tags: {},
      retention: undefined,
      legalHold: false,
    };
    database.exec('BEGIN');
    for (const key of keys) objects.put(bucket, { ...version, key }, 0);
    database.exec('COMMIT');
    return work(createListings(database));
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

const nameOf = (entry: ListingEntry) => ('object' in entry ? entry.object.key : entry.commonPrefix);

/** What the API reference says in words. */
function expected(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const names = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      return end === -1 ? key : key.slice(0, end + delimiter.length);
    });
  return [...new Set(names)].sort(bytesBefore);
}

const key = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '😀', '\u{ffee}', '\u{10ffff}', '-'),
  minLength: 1,
  maxLength: 6,
});

test('pages of any size, with any prefix and delimiter, make the whole list once and in byte order', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 25 }),
      fc.string({ unit: fc.constantFrom('a', '/', '😀'), maxLength: 2 }),
      fc.constantFrom('', '/', 'a', '/a'),
      fc.integer({ min: 1, max: 4 }),
      (keys, prefix, delimiter, limit) =>
        withKeys(keys, (listings) => {
          const seen: string[] = [];
          let after = '';
          for (let page = 0; page <= keys.length + 1; page++) {
            const { entries, truncated } = listings.objects({ bucket: 'bucket', prefix, delimiter, after, limit });
            seen.push(...entries.map(nameOf));
            after = seen.at(-1) ?? '';
            if (!truncated) break;
          }
          expect(seen).toEqual(expected(keys, prefix, delimiter));
        }),
    ),
    { numRuns: 150 },
  );
});

test('versions page within a key, newest first', () => {
  withKeys(['a', 'b', 'a', 'b', 'a'], (listings) => {
    const seen: string[] = [];
    let position: { after: string; afterRank?: number } = { after: '' };
    for (let page = 0; page < 5; page++) {
      const { entries } = listings.versions({ bucket: 'bucket', prefix: '', delimiter: '', limit: 1, ...position });
      for (const entry of entries) {
        if (!('object' in entry)) throw new Error('no prefix was asked for');
        seen.push(`${entry.object.key}${entry.object.rank}`);
        position = { after: entry.object.key, afterRank: entry.object.rank };
      }
    }
    expect(seen).toEqual(['a5', 'a3', 'a1', 'b4', 'b2']);
  });
});
