import type { DatabaseSync } from 'node:sqlite';
import { type ObjectVersion, objectVersionOf } from './object-version.ts';

export interface ListingRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** Empty for a flat list. */
  readonly delimiter: string;
  /** Only what comes after this key, or after everything that begins with it when it ends in the delimiter. */
  readonly after: string;
  readonly limit: number;
}

/** An object, or a prefix that stands for all keys that share it up to the delimiter. */
export type ListingEntry = { readonly object: ObjectVersion } | { readonly commonPrefix: string };

export interface Listing {
  readonly entries: readonly ListingEntry[];
  readonly truncated: boolean;
}

export interface Listings {
  /** Current objects (no delete markers) in the order of UTF-8 bytes, keys and common prefixes merged. */
  objects(request: ListingRequest): Listing;
  /** All versions and markers: keys in order, newest first. `afterRank` continues within the key `after`. */
  versions(request: ListingRequest & { readonly afterRank?: number }): Listing;
}

const PAGE = 1000;

/** The last code point. Behind a prefix it sorts after all that begins with it (save for keys that hold it too). */
const LAST = '\u{10ffff}';

// The unary plus keeps the planner from starting at the weaker of two lower bounds.
export function createListings(database: DatabaseSync): Listings {
  const current = database.prepare(
    `SELECT * FROM objects
      WHERE bucket = ?1 AND latest = 1 AND delete_marker = 0 AND key >= max(?2, ?3) AND +key > ?2 AND key < ?4
      ORDER BY key LIMIT ?5`,
  );
  const all = database.prepare(
    `SELECT * FROM objects
      WHERE bucket = ?1 AND key >= max(?2, ?4) AND (+key, -rank) > (?2, ?3) AND key < ?5
      ORDER BY key, rank DESC LIMIT ?6`,
  );

  return {
    objects: (request) =>
      collect(request, { key: request.after, rank: undefined }, ({ key }) =>
        current.all(request.bucket, key, request.prefix, endOf(request.prefix), PAGE).map(objectVersionOf),
      ),
    versions: (request) =>
      collect(request, { key: request.after, rank: request.afterRank }, ({ key, rank }) =>
        // Without a rank the key itself is behind us: no version of it has a rank below 0.
        all
          .all(request.bucket, key, rank === undefined ? 1 : -rank, request.prefix, endOf(request.prefix), PAGE)
          .map(objectVersionOf),
      ),
  };
}

/** The least text behind everything that begins with `prefix`, in the order of UTF-8 bytes. */
function endOf(prefix: string): string {
  const points = [...prefix];
  while (points.at(-1) === LAST) points.pop();
  const last = points.pop()?.codePointAt(0);
  // Beyond the longest key.
  if (last === undefined) return LAST.repeat(257);
  // Surrogates are no characters of their own.
  return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}

interface Position {
  readonly key: string;
  readonly rank: number | undefined;
}

/** Walks pages from `start`, rolling keys up into prefixes and jumping over what a prefix already stands for. */
function collect(request: ListingRequest, start: Position, page: (position: Position) => ObjectVersion[]): Listing {
  const entries: ListingEntry[] = [];
  let { position, rolledUp } = startOf(request, start);
  for (;;) {
    const rows = page(position);
    let jumped = false;
    for (const row of rows) {
      position = { key: row.key, rank: row.rank };
      const commonPrefix = commonPrefixOf(row.key, request);
      if (commonPrefix !== undefined && commonPrefix === rolledUp) continue;
      if (entries.length === request.limit) return { entries, truncated: true };
      entries.push(commonPrefix === undefined ? { object: row } : { commonPrefix });
      rolledUp = commonPrefix;
      if (commonPrefix === undefined) continue;
      position = { key: commonPrefix + LAST, rank: undefined };
      jumped = true;
      break;
    }
    if (!jumped && rows.length < PAGE) return { entries, truncated: false };
  }
}

/** A list that broke off at a common prefix goes on behind everything that it stood for. */
function startOf(request: ListingRequest, start: Position): { position: Position; rolledUp: string | undefined } {
  const rolledUp = start.rank === undefined ? commonPrefixOf(start.key, request) : undefined;
  if (rolledUp === undefined || rolledUp !== start.key) return { position: start, rolledUp: undefined };
  return { position: { key: rolledUp + LAST, rank: undefined }, rolledUp };
}

function commonPrefixOf(key: string, { prefix, delimiter }: ListingRequest): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end === -1 ? undefined : key.slice(0, end + delimiter.length);
}
