import { type BucketRequest, type Context, headerOf } from './context.ts';
import { inTransaction } from './database.ts';
import { noSuchKey, preconditionFailed, S3Error } from './errors.ts';
import type { EventName, ObjectEvent } from './event-record.ts';
import type { NewVersion, ObjectVersion } from './object-version.ts';

/**
 * The one moment at which a written body becomes an object: conditions, row and notification in one transaction. The
 * body is removed when a condition fails.
 */
export async function commitVersion(
  context: Context,
  request: BucketRequest,
  version: NewVersion,
  event: EventName,
  alsoInTransaction: () => void = () => undefined,
): Promise<ObjectVersion> {
  try {
    const now = context.clock.now();
    const { written, replaced, isTold } = inTransaction(context.database, () => {
      checkWriteConditions(context, request);
      alsoInTransaction();
      const result = context.objects.put(request.bucket, version, now);
      const isTold = context.notifications.record(objectEvent(request, event, result.written), now);
      return { ...result, isTold };
    });
    if (isTold) context.delivery.wake();
    if (replaced?.bodyId !== undefined) await context.bodies.remove(replaced.bodyId);
    return written;
  } catch (error) {
    if (!context.objects.isBodyNamed(version.bodyId)) await context.bodies.remove(version.bodyId);
    throw error;
  }
}

/** If-None-Match: `*` (create only) and If-Match (replace exactly this). */
export function checkWriteConditions(context: Context, request: BucketRequest): void {
  const ifNoneMatch = headerOf(request, 'if-none-match');
  const ifMatch = headerOf(request, 'if-match');
  if (ifNoneMatch === undefined && ifMatch === undefined) return;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error('NotImplemented', 'A header you provided implies functionality that is not implemented', {
      Header: 'If-None-Match',
    });
  }
  const row = context.objects.current(request.bucket.name, request.key);
  const current = row?.deleteMarker ? undefined : row;
  if (ifNoneMatch === '*' && current !== undefined) throw preconditionFailed('If-None-Match');
  if (ifMatch === undefined) return;
  if (current === undefined) throw noSuchKey(request.key);
  if (unquoted(ifMatch) !== current.etag) throw preconditionFailed('If-Match');
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"|"$/g, '');
}

/** The event of `version`, told as this request's doing. */
export function objectEvent(request: BucketRequest, name: EventName, version: ObjectVersion): ObjectEvent {
  const created = name.startsWith('ObjectCreated:') || name.startsWith('ObjectTagging:');
  const withEtag = created || version.deleteMarker;
  return {
    name,
    bucket: request.bucket.name,
    key: version.key,
    ...(created && { size: version.size }),
    ...(withEtag && { etag: version.etag }),
    ...(request.bucket.versioning !== undefined && { versionId: version.versionId }),
    principal: request.identity.principal.name,
    sourceAddress: request.message.socket.remoteAddress ?? '127.0.0.1',
    requestId: request.requestId,
  };
}
