import { randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { type AddressedNudge, type QueueName, sendNudges, type WorkQueue } from '../core/work-queue.ts';
import { sweepDelaySeconds } from './arm-sweep.ts';
import { isDue, nextSweepSeconds } from './sweep-schedule.ts';
import { armNext, isAbandoned, type Lease, releaseLease, renewLease, takeLease } from './sweep-state.ts';
import { noteNudges, type UnfinishedWork } from './unfinished-work.ts';

/** Actions that are implemented by rooms to the right of this one. */
export interface SweepActions {
  /** The message that restarts this work, and its queue; undefined for work that waits for an outside event (an upload). */
  nudgeOf(work: UnfinishedWork): AddressedNudge | undefined;
  /** Ends work whose deadline has passed, or moves the deadline while somebody holds it. @returns whether it ended */
  expire(work: UnfinishedWork): Promise<boolean>;
  /** Moves the deadlines of work that waits in a queue. */
  moveDeadlines(work: readonly UnfinishedWork[]): Promise<void>;
  /** Nudges waiting work that is neither a version nor a job. @returns how much there is */
  nudgeOthers(): Promise<number>;
}

export interface SweepPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly actions: SweepActions;
}

export interface SweepReport {
  readonly nudged: number;
  readonly failed: number;
  readonly unfinished: number;
  /** Workspaces in which something ended. */
  readonly ended: ReadonlySet<string>;
}

/** One sweep sees this many versions of each priority, and this many other jobs. */
const rowsPerSweep = 500;
const longestLeaseSeconds = 60;
/** Between two renewals of the lease. */
const rowsPerSlice = 50;
/** Messages in a queue that are about a minute of work: a nudge would only make a longer queue longer. */
const busyDepth = 1_000;

/**
 * One sweep: work that has not changed for a while is nudged again, and work past its deadline is ended. Another sweep is armed as long as
 * anything is unfinished, and none otherwise, so that an idle database can pause. It is armed first: if this sweep crashes half-way, the
 * next one does the rest.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns undefined when another sweep is under way
 */
export async function sweep(
  ports: SweepPorts,
  remainingTime: () => number = () => longestLeaseSeconds * 1_000,
): Promise<SweepReport | undefined> {
  const { database, failpoint, clock } = ports;
  const holder = randomUUID();
  // Short, since it is renewed after each slice: it expires before the message of a crashed sweep is redelivered.
  const seconds = Math.min(longestLeaseSeconds, Math.ceil(remainingTime() / 1_000));
  const lease = { holder, seconds };
  const work = await takeLease(database, lease, rowsPerSweep);
  const armed = () => failpoint.reach('sweep.after_rearm');
  if (!work) {
    // Its holder may have died before it armed the next: the chain must not end with this message.
    if (await isAbandoned(database, seconds)) await armNext(ports, sweepDelaySeconds, armed);
    return undefined;
  }
  try {
    await failpoint.reach('sweep.before_rearm');
    const now = clock.now().getTime();
    if (work.length > 0) await armNext(ports, nextSweepSeconds(work, now, rowsPerSweep), armed);
    const report = await sweepAll(ports, lease, work, now);
    const others = await ports.actions.nudgeOthers();
    if (work.length === 0 && others > 0) await armNext(ports, sweepDelaySeconds, armed);
    return report;
  } finally {
    await releaseLease(database, holder);
  }
}

async function sweepAll(
  ports: SweepPorts,
  lease: Lease,
  work: readonly UnfinishedWork[],
  now: number,
): Promise<SweepReport> {
  const isBusy = busyQueues(ports.queue);
  const ended = new Set<string>();
  let nudged = 0;
  let failed = 0;
  for (let start = 0; start < work.length; start += rowsPerSlice) {
    if (start > 0 && !(await renewLease(ports.database, lease))) break;
    const slice = await sweepSlice(ports, work.slice(start, start + rowsPerSlice), now, isBusy, ended);
    nudged += slice.nudged;
    failed += slice.failed;
  }
  return { nudged, failed, unfinished: work.length - failed, ended };
}

async function sweepSlice(
  { actions, database, queue, failpoint }: SweepPorts,
  work: readonly UnfinishedWork[],
  now: number,
  isBusy: (name: QueueName) => Promise<boolean>,
  ended: Set<string>,
): Promise<{ readonly nudged: number; readonly failed: number }> {
  const late: UnfinishedWork[] = [];
  const due: UnfinishedWork[] = [];
  const nudges: AddressedNudge[] = [];
  let failed = 0;
  for (const row of work) {
    const nudge = actions.nudgeOf(row);
    const isLate = row.deadline_at.getTime() <= now;
    // Behind a backlog no deadline counts: waiting work is neither ended nor queued again.
    if (nudge && (await isBusy(nudge.queue))) {
      if (isLate) late.push(row);
    } else if (isLate && (await actions.expire(row))) {
      ended.add(row.workspace_id);
      failed++;
    } else if (nudge && isDue(row, now)) {
      due.push(row);
      nudges.push(nudge);
    }
  }
  if (late.length > 0) await actions.moveDeadlines(late);
  await sendNudges(queue, nudges);
  if (due.length > 0) await failpoint.reach('sweep.after_nudge');
  for (const [workspaceId, rows] of Map.groupBy(due, (row) => row.workspace_id))
    await database.inWorkspace({ workspaceId }, (db) => noteNudges(db, workspaceId, rows));
  return { nudged: due.length, failed };
}

/** Measures each queue once per sweep. */
function busyQueues(queue: WorkQueue): (name: QueueName) => Promise<boolean> {
  const known = new Map<QueueName, Promise<boolean>>();
  return (name) => {
    let busy = known.get(name);
    if (!busy) {
      busy = queue.depth(name).then((depth) => depth > busyDepth);
      known.set(name, busy);
    }
    return busy;
  };
}
