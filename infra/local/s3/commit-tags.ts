import { objectEvent } from './commit-version.ts';
import type { BucketRequest, Context } from './context.ts';
import { inTransaction } from './database.ts';
import type { EventName } from './event-record.ts';
import type { ObjectVersion, Tags } from './object-version.ts';

/** Sets a version's tags and tells of it, together. */
export function commitTags(
  context: Context,
  request: BucketRequest,
  version: ObjectVersion,
  tags: Tags,
  event: EventName,
): void {
  inTransaction(context.database, () => {
    context.objects.setTags(version, tags);
    context.notifications.record(objectEvent(request, event, version), context.clock.now());
  });
  context.delivery.wake();
}
