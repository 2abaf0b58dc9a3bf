import type { ObjectHead } from '../core/object-store.ts';
import { type Priority, priorities } from '../core/work-queue.ts';
import { fittingName } from './label-limits.ts';

const prefix = 'dbrag-';
const priorityName = 'dbrag-priority';
const displayName = 'dbrag-name';

/** The labels in an object's own metadata: `x-amz-meta-dbrag-<label>`, except for the names with a special meaning. */
export function labelsOf(head: ObjectHead): Record<string, string> {
  const labels = Object.entries(head.metadata).filter(
    ([name]) => name.startsWith(prefix) && name !== priorityName && name !== displayName,
  );
  return Object.fromEntries(labels.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** `x-amz-meta-dbrag-name`, or else the last part of the key. */
export function nameOf(head: ObjectHead, key: string): string {
  return fittingName(head.metadata[displayName], key.slice(key.lastIndexOf('/') + 1));
}

/** `x-amz-meta-dbrag-priority`; `default` where it names none. */
export function priorityOf(head: ObjectHead): Priority {
  const asked = head.metadata[priorityName];
  return priorities.find((priority) => priority === asked) ?? 'default';
}
