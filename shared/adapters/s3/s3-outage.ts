import { isLostConnection } from '../../core/lost-connection.ts';
import { Outage } from '../../core/outage.ts';

/** S3 says these with the status 400, as it does what is the request's own fault; or of single objects, without a status. */
const comeLater = new Set(['RequestTimeout', 'InternalError', 'ServiceUnavailable', 'SlowDown']);

/**
 * No response, a truncated one, or one that asks to retry later: a fault of the store, not of the object. A request that cannot be made is none:
 * its work would be tried again until its deadline.
 * @throws Outage, or the error as it is
 */
export function rethrow(error: unknown): never {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  // Whoever breaks off a successful answer in the middle of its XML makes it unreadable.
  const isTruncated = status === 200 || status === 206;
  const isBusy = status !== undefined && (status === 429 || status >= 500 || comeLater.has(name));
  if (isLostConnection(error) || isTruncated || isBusy) throw notAnswering(error);
  throw error;
}

/** Deletions are answered object by object. @throws Outage if those that are left may go later */
export function requireDeleted(errors: readonly { readonly Code?: string | undefined }[] = []): void {
  const [first] = errors;
  if (!first) return;
  const error = new Error(`S3 did not delete ${errors.length} objects: ${first.Code}`);
  throw comeLater.has(first.Code ?? '') ? notAnswering(error) : error;
}

/** Of a body that ended before its length: its connection was closed in good order, too early. */
export const truncated = (filled: number, bytes: number): Outage =>
  notAnswering(new Error(`The object ended after ${filled} of ${bytes} bytes.`));

const notAnswering = (cause: unknown): Outage => new Outage('The object store does not answer.', { cause });
