import { unquoted } from './commit-version.ts';
import { type BucketRequest, headerOf } from './context.ts';
import { preconditionFailed } from './errors.ts';
import type { ObjectVersion } from './object-version.ts';

/** Names of the four conditional headers: CopyObject has its own for the source. */
export interface ConditionNames {
  readonly match: string;
  readonly noneMatch: string;
  readonly modifiedSince: string;
  readonly unmodifiedSince: string;
}

const READ: ConditionNames = {
  match: 'if-match',
  noneMatch: 'if-none-match',
  modifiedSince: 'if-modified-since',
  unmodifiedSince: 'if-unmodified-since',
};

/** RFC 9110 13.2.2: the entity tags are stronger than the dates. Throws PreconditionFailed. */
export function readConditions(request: BucketRequest, version: ObjectVersion, names = READ): 'send' | 'not-modified' {
  const match = headerOf(request, names.match);
  const noneMatch = headerOf(request, names.noneMatch);
  const unmodifiedSince = seconds(headerOf(request, names.unmodifiedSince));
  const modifiedSince = seconds(headerOf(request, names.modifiedSince));
  const modified = Math.floor(version.lastModified / 1000);
  if (match !== undefined) {
    if (!namesTag(match, version.etag)) throw preconditionFailed('If-Match');
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (noneMatch !== undefined) return namesTag(noneMatch, version.etag) ? 'not-modified' : 'send';
  return modifiedSince !== undefined && modified <= modifiedSince ? 'not-modified' : 'send';
}

function namesTag(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((each) => unquoted(each.trim().replace(/^W\//, '')) === etag);
}

function seconds(date: string | undefined): number | undefined {
  const time = Date.parse(date ?? '');
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
