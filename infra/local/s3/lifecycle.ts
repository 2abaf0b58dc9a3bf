import type { Context } from './context.ts';
import { inTransaction } from './database.ts';
import type { ObjectEvent } from './event-record.ts';
import type { ObjectVersion } from './object-version.ts';
import { discardUpload } from './operations/multipart.ts';
import type { BucketState, LifecycleRule } from './settings.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const PAGE = 1000;

/** Applies the buckets' lifecycle rules now and every hour (AWS: once a day). Returns how to stop. */
export function startLifecycle(context: Context): () => void {
  let cancel = () => {};
  const run = () => {
    applyLifecycle(context).catch((error: unknown) =>
      context.log('The lifecycle of S3 objects failed', { error: String(error) }),
    );
    cancel = context.clock.after(HOUR, run);
  };
  cancel = context.clock.after(0, run);
  return () => cancel();
}

/** One pass over all buckets. */
async function applyLifecycle(context: Context): Promise<void> {
  for (const { settings } of context.buckets.all()) {
    for (const rule of settings.lifecycle ?? []) await applyRule(context, settings, rule);
  }
}

async function applyRule(context: Context, bucket: BucketState, rule: LifecycleRule): Promise<void> {
  const now = context.clock.now();
  const prefix = rule.prefix ?? '';
  if (rule.abortIncompleteMultipartUploadDays !== undefined) {
    const before = now - rule.abortIncompleteMultipartUploadDays * DAY;
    const stale = context.uploads
      .inBucket(bucket.name)
      .filter((each) => each.key.startsWith(prefix) && each.initiatedAt <= before);
    for (const { uploadId } of stale) await discardUpload(context, uploadId);
  }
  if (rule.noncurrentVersionExpirationDays !== undefined) {
    const before = now - rule.noncurrentVersionExpirationDays * DAY;
    await drain(
      () => context.objects.noncurrentSince(bucket.name, prefix, before, now, PAGE),
      (version) => expireVersion(context, bucket, version),
    );
  }
  if (rule.expirationDays !== undefined) {
    const before = now - rule.expirationDays * DAY;
    await drain(
      () => context.objects.currentSince(bucket.name, prefix, before, PAGE),
      (version) => expireCurrent(context, bucket, version),
    );
  }
}

/** Works through pages whose rows leave the selection as they are dealt with. */
async function drain(page: () => ObjectVersion[], expire: (version: ObjectVersion) => Promise<void>): Promise<void> {
  for (let versions = page(); versions.length > 0; versions = page()) {
    for (const version of versions) await expire(version);
  }
}

async function expireVersion(context: Context, bucket: BucketState, version: ObjectVersion): Promise<void> {
  inTransaction(context.database, () => {
    context.objects.deleteVersion(version);
    context.notifications.record(lifecycleEvent('LifecycleExpiration:Delete', bucket, version), context.clock.now());
  });
  context.delivery.wake();
  if (version.bodyId !== undefined) await context.bodies.remove(version.bodyId);
}

async function expireCurrent(context: Context, bucket: BucketState, version: ObjectVersion): Promise<void> {
  const now = context.clock.now();
  const { removed } = inTransaction(context.database, () => {
    const outcome = context.objects.deleteCurrent(bucket, version.key, now);
    const event = outcome.marker
      ? lifecycleEvent('LifecycleExpiration:DeleteMarkerCreated', bucket, outcome.marker)
      : lifecycleEvent('LifecycleExpiration:Delete', bucket, version);
    context.notifications.record(event, now);
    return outcome;
  });
  context.delivery.wake();
  if (removed?.bodyId !== undefined) await context.bodies.remove(removed.bodyId);
}

function lifecycleEvent(name: ObjectEvent['name'], bucket: BucketState, version: ObjectVersion): ObjectEvent {
  return {
    name,
    bucket: version.bucket,
    key: version.key,
    ...(bucket.versioning !== undefined && { versionId: version.versionId }),
    principal: 's3.amazonaws.com',
    sourceAddress: 's3.amazonaws.com',
    requestId: 'lifecycle',
  };
}
