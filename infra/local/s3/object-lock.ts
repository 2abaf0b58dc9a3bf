import { requireOnObject } from './access.ts';
import { type BucketRequest, type Context, headerOf } from './context.ts';
import { S3Error } from './errors.ts';
import type { ObjectVersion, Retention } from './object-version.ts';
import { retentionMode } from './retention-mode.ts';

const DAY = 86_400_000;

/** The lock that a new version gets: what the request asks for, else the bucket's default. */
export function lockHeaders(
  request: BucketRequest,
  now: number,
): { retention: Retention | undefined; legalHold: boolean } {
  const mode = headerOf(request, 'x-amz-object-lock-mode');
  const until = headerOf(request, 'x-amz-object-lock-retain-until-date');
  const hold = headerOf(request, 'x-amz-object-lock-legal-hold');
  if (mode === undefined && until === undefined && hold === undefined) {
    return { retention: defaultRetention(request, now), legalHold: false };
  }
  requireLockBucket(request);
  if ((mode === undefined) !== (until === undefined)) {
    throw new S3Error(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  const retention = mode === undefined || until === undefined ? undefined : parseRetention(mode, until, now);
  return { retention: retention ?? defaultRetention(request, now), legalHold: hold === 'ON' };
}

/** Throws InvalidArgument for an unknown mode, or a date that is not in the future. */
export function parseRetention(mode: string, until: string, now: number): Retention {
  const time = Date.parse(until);
  if (!(time > now)) throw new S3Error('InvalidArgument', 'The retain until date must be in the future!');
  return { mode: retentionMode(mode), until: time };
}

export function requireLockBucket(request: BucketRequest): void {
  if (!request.bucket.objectLock?.enabled) {
    throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  }
}

function defaultRetention({ bucket }: BucketRequest, now: number): Retention | undefined {
  const wanted = bucket.objectLock?.retention;
  return wanted == null ? undefined : { mode: retentionMode(wanted.mode), until: now + wanted.days * DAY };
}

/**
 * Refuses to delete a version that is held or retained. Governance retention gives way to the bypass header of one who
 * may `s3:BypassGovernanceRetention`; compliance retention and legal holds give way to nobody.
 */
export function requireUnlocked(context: Context, request: BucketRequest, version: ObjectVersion): void {
  if (version.legalHold) throw locked();
  const { retention } = version;
  if (retention === undefined || retention.until <= context.clock.now()) return;
  if (retention.mode === 'COMPLIANCE' || !bypassesGovernance(context, request, version.key)) throw locked();
}

/** A retention may be lengthened by anyone who may set it; shortening or lifting needs the bypass, if the mode has one. */
export function requireRetentionChange(
  context: Context,
  request: BucketRequest,
  version: ObjectVersion,
  next: Retention | undefined,
): void {
  const before = version.retention;
  if (before === undefined || before.until <= context.clock.now()) return;
  const kept =
    next !== undefined && next.until >= before.until && (next.mode === before.mode || next.mode === 'COMPLIANCE');
  if (kept) return;
  if (before.mode === 'COMPLIANCE' || !bypassesGovernance(context, request, version.key)) throw locked();
}

function bypassesGovernance(context: Context, request: BucketRequest, key: string): boolean {
  if (headerOf(request, 'x-amz-bypass-governance-retention')?.toLowerCase() !== 'true') return false;
  requireOnObject(context, { ...request, key }, 's3:BypassGovernanceRetention');
  return true;
}

function locked(): S3Error {
  return new S3Error('AccessDenied', 'Access Denied because object protected by object lock.');
}
