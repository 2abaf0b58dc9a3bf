import { S3Error } from './errors.ts';

export type Query = ReadonlyMap<string, string>;

export interface RequestTarget {
  readonly bucket: string;
  readonly key: string;
  readonly query: Query;
}

const LONGEST_KEY = 1024;

/**
 * Splits a path-style request line. Nothing is normalised: `..` is a part of a key like any other. Throws InvalidURI for
 * what is not UTF-8, and KeyTooLongError beyond 1024 bytes.
 */
export function requestTarget(url: string): RequestTarget {
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const slash = path.indexOf('/', 1);
  const bucket = decoded(path.slice(1, slash === -1 ? undefined : slash));
  const key = slash === -1 ? '' : decoded(path.slice(slash + 1));
  if (Buffer.byteLength(key) > LONGEST_KEY) {
    const details = { Size: String(Buffer.byteLength(key)), MaxSizeAllowed: String(LONGEST_KEY) };
    throw new S3Error('KeyTooLongError', 'Your key is too long', details);
  }
  return { bucket, key, query: parseQuery(question === -1 ? '' : url.slice(question + 1)) };
}

function parseQuery(text: string): Query {
  const query = new Map<string, string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals));
    if (!query.has(name)) query.set(name, equals === -1 ? '' : decoded(pair.slice(equals + 1)));
  }
  return query;
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  }
}
