import { AwsError } from '../../aws/aws-error.ts';
import { requireOnObject } from '../access.ts';
import { objectEvent, unquoted } from '../commit-version.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { inTransaction } from '../database.ts';
import { preconditionFailed, S3Error } from '../errors.ts';
import { requireUnlocked } from '../object-lock.ts';
import type { ObjectVersion } from '../object-version.ts';
import { readBody } from '../received-body.ts';
import { sendEmpty, sendXml, versionHeaders } from '../respond.ts';
import { childrenOf, element, exactTextOf, type Markup, malformedXml, optional, parseXml, textOf } from '../xml.ts';

const MOST_KEYS = 1000;

/** What a delete did, as both forms of the operation tell it. Nothing at all is a success too. */
interface Outcome {
  readonly removed: ObjectVersion | undefined;
  readonly marker: ObjectVersion | undefined;
}

export const deleteObject: Operation = async (context, request) => {
  const outcome = await deleteOne(context, request, request.query.get('versionId'));
  const concerned = outcome.marker ?? (request.query.has('versionId') ? outcome.removed : undefined);
  sendEmpty(request, 204, {
    ...(concerned && versionHeaders(context, concerned)),
    ...(concerned?.deleteMarker && { 'x-amz-delete-marker': 'true' }),
  });
};

async function deleteOne(context: Context, request: BucketRequest, versionId: string | undefined): Promise<Outcome> {
  requireOnObject(context, request, versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion');
  const outcome = inTransaction(context.database, () => {
    checkDeleteCondition(context, request);
    return versionId === undefined ? hide(context, request) : removeVersion(context, request, versionId);
  });
  context.delivery.wake();
  if (outcome.removed?.bodyId !== undefined) await context.bodies.remove(outcome.removed.bodyId);
  return outcome;
}

function checkDeleteCondition(context: Context, request: BucketRequest): void {
  const ifMatch = headerOf(request, 'if-match');
  if (ifMatch === undefined) return;
  const current = context.objects.current(request.bucket.name, request.key);
  const exists = current !== undefined && !current.deleteMarker;
  if (!exists || (ifMatch !== '*' && unquoted(ifMatch) !== current.etag)) throw preconditionFailed('If-Match');
}

function hide(context: Context, request: BucketRequest): Outcome {
  const { objects, notifications, clock } = context;
  const now = clock.now();
  const unversioned = request.bucket.versioning === undefined;
  const current = objects.current(request.bucket.name, request.key);
  if (unversioned && current !== undefined) requireUnlocked(context, request, current);
  const outcome = objects.deleteCurrent(request.bucket, request.key, now);
  if (outcome.marker !== undefined) {
    notifications.record(objectEvent(request, 'ObjectRemoved:DeleteMarkerCreated', outcome.marker), now);
  } else if (outcome.removed !== undefined) {
    notifications.record(objectEvent(request, 'ObjectRemoved:Delete', outcome.removed), now);
  }
  return outcome;
}

function removeVersion(context: Context, request: BucketRequest, versionId: string): Outcome {
  const { objects, notifications, clock } = context;
  const removed = objects.version(request.bucket.name, request.key, versionId);
  if (removed === undefined) return { removed, marker: undefined };
  requireUnlocked(context, request, removed);
  objects.deleteVersion(removed);
  notifications.record(objectEvent(request, 'ObjectRemoved:Delete', removed), clock.now());
  return { removed, marker: undefined };
}

/** DeleteObjects: each key stands for itself; a refusal is an entry of the answer, not its status. */
export const deleteObjects: Operation = async (context, request) => {
  requireIntegrity(request);
  const root = parseXml(await readBody(request));
  const wanted = childrenOf(root, 'Object');
  if (root.name !== 'Delete' || wanted.length === 0 || wanted.length > MOST_KEYS) throw malformedXml();
  const quiet = textOf(root, 'Quiet') === 'true';
  const results: Markup[] = [];
  for (const entry of wanted) {
    const key = exactTextOf(entry, 'Key') ?? '';
    const versionId = textOf(entry, 'VersionId');
    const etag = textOf(entry, 'ETag');
    try {
      const outcome = await deleteOne(context, forKey(request, key, etag), versionId);
      if (!quiet) results.push(deletedElement(key, versionId, outcome));
    } catch (error) {
      results.push(errorElement(context, request, key, versionId, error));
    }
  }
  sendXml(request, 'DeleteResult', results);
};

/** S3 takes no DeleteObjects whose body is not protected by a checksum. */
function requireIntegrity(request: BucketRequest): void {
  const names = Object.keys(request.message.headers);
  if (!names.some((name) => name === 'content-md5' || name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer')) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
}

function forKey(request: BucketRequest, key: string, etag: string | undefined): BucketRequest {
  const { 'if-match': _, ...headers } = request.headers;
  return { ...request, key, headers: { ...headers, ...(etag !== undefined && { 'if-match': etag }) } };
}

function deletedElement(key: string, versionId: string | undefined, { removed, marker }: Outcome): Markup {
  const deletedMarker = versionId !== undefined && removed?.deleteMarker ? removed : undefined;
  const markerVersion = marker ?? deletedMarker;
  return element('Deleted', [
    element('Key', key),
    ...optional('VersionId', versionId),
    ...optional('DeleteMarker', markerVersion === undefined ? undefined : true),
    ...optional('DeleteMarkerVersionId', markerVersion?.versionId),
  ]);
}

function errorElement(
  context: Context,
  request: BucketRequest,
  key: string,
  versionId: string | undefined,
  error: unknown,
): Markup {
  const refusal =
    error instanceof AwsError
      ? error
      : new S3Error('InternalError', 'We encountered an internal error. Please try again.');
  if (refusal !== error)
    context.log('DeleteObjects failed for a key', { bucket: request.bucket.name, key, error: String(error) });
  return element('Error', [
    element('Key', key),
    ...optional('VersionId', versionId),
    element('Code', refusal.code),
    element('Message', refusal.message),
  ]);
}
