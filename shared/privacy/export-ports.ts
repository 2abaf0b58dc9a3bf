import type { TrailKeys } from '../access/trail-keys.ts';
import type { Clock } from '../core/clock.ts';
import type { SnapshotDatabase } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { ObjectStore } from '../core/object-store.ts';
import type { WorkQueue } from '../core/work-queue.ts';

export interface ExportPorts {
  readonly database: SnapshotDatabase;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  /** Opens who and from where in the trail; null where nothing of that is kept. */
  readonly keys: TrailKeys | null;
}
