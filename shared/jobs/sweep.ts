import { randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { Priority, QueueName, WorkQueue } from '../core/work-queue.ts';
import { sweepDelaySeconds } from './arm-sweep.ts';
import type { JobType } from './jobs.ts';

/** A row that is not finished, as the sweeper sees it. */
export interface UnfinishedWork {
  readonly kind: 'version' | 'job';
  readonly workspace_id: string;
  readonly document_id: string | null;
  readonly version: number | null;
  readonly attempt: number;
  readonly job_id: string;
  readonly job_type: JobType;
  readonly status: string;
  readonly priority: Priority;
  readonly waiting_until: Date | null;
  readonly nudged_at: Date | null;
  readonly nudges: number;
  readonly created_at: Date;
  readonly deadline_at: Date;
}

/** What the rooms to the right of this one know how to do. */
export interface SweepActions {
  /** The queue that a nudge for this work would go to; undefined for work that waits for somebody outside (an upload). */
  queueOf(work: UnfinishedWork): QueueName | undefined;
  nudge(work: UnfinishedWork): Promise<void>;
  /** Ends work whose deadline has passed, unless somebody holds it right now. @returns whether it ended */
  expire(work: UnfinishedWork): Promise<boolean>;
  /** Nudges what waits and is neither a version nor a job. @returns how much there is */
  nudgeOthers?(): Promise<number>;
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
}

const rowsPerSweep = 500;
const longestLeaseSeconds = 600;
const firstBackoffMilliseconds = sweepDelaySeconds * 1000;
const longestBackoffMilliseconds = 3_600_000;
/** A sweep is armed up to a minute before what it is to find, and comes a moment early or late: work is due this much sooner. */
const slackMilliseconds = 75_000;
/** About a minute of work: behind a longer queue, a nudge would only make it longer. */
const busyDepth = 1_000;

/**
 * One sweep: whatever has not moved for a while is nudged again, whatever is past its deadline ends, and another sweep is armed
 * while anything is unfinished. Nothing is armed when nothing is, so that an idle database can sleep.
 * @param remainingTime milliseconds until the invocation is ended
 * @returns undefined when another sweep is under way
 */
export async function sweep(
  ports: SweepPorts,
  remainingTime: () => number = () => longestLeaseSeconds * 1000,
): Promise<SweepReport | undefined> {
  const holder = randomUUID();
  // Over when the message of a sweep that died comes again: else that would find it held, and the chain would end.
  const leaseSeconds = Math.min(longestLeaseSeconds, Math.ceil(remainingTime() / 1000));
  if (!(await takeLease(ports.database, holder, leaseSeconds))) return undefined;
  try {
    const work = await ports.database.inSystem(findUnfinished);
    const report = await sweepAll(ports, work);
    const others = (await ports.actions.nudgeOthers?.()) ?? 0;
    if (report.unfinished + others > 0) await rearm(ports);
    return report;
  } finally {
    await releaseLease(ports.database, holder);
  }
}

async function sweepAll(ports: SweepPorts, work: readonly UnfinishedWork[]): Promise<SweepReport> {
  const now = ports.clock.now().getTime();
  const busy = new Map<QueueName, boolean>();
  let nudged = 0;
  let failed = 0;
  for (const row of work) {
    const name = ports.actions.queueOf(row);
    const waitsInLine = name !== undefined && (await isBusy(ports.queue, name, busy));
    // Behind a backlog nobody's time is up: what waits in a line is neither ended nor sent into it again.
    if (waitsInLine) continue;
    if (row.deadline_at.getTime() <= now && (await ports.actions.expire(row))) {
      failed++;
      continue;
    }
    if (name === undefined || !isDue(row, now)) continue;
    await ports.actions.nudge(row);
    await ports.failpoint.reach('sweep.after_nudge');
    await ports.database.inWorkspace({ workspaceId: row.workspace_id }, (db) => noteNudge(db, row));
    nudged++;
  }
  return { nudged, failed, unfinished: work.length - failed };
}

/** Due at the first sweep after it was made, then after twice as long each time, to an hour; never while it waits for a provider. */
export function isDue(
  row: Pick<UnfinishedWork, 'waiting_until' | 'nudged_at' | 'created_at' | 'nudges'>,
  now: number,
): boolean {
  if (row.waiting_until && row.waiting_until.getTime() > now) return false;
  const last = (row.nudged_at ?? row.created_at).getTime();
  const backoff = Math.min(firstBackoffMilliseconds * 2 ** row.nudges, longestBackoffMilliseconds);
  return now - last >= backoff - slackMilliseconds;
}

async function isBusy(queue: WorkQueue, name: QueueName, known: Map<QueueName, boolean>): Promise<boolean> {
  let busy = known.get(name);
  if (busy === undefined) {
    busy = (await queue.depth(name)) > busyDepth;
    known.set(name, busy);
  }
  return busy;
}

async function findUnfinished(db: Db): Promise<readonly UnfinishedWork[]> {
  const { rows } = await db.query<UnfinishedWork>('SELECT * FROM dbrag.unfinished_work($1)', [rowsPerSweep]);
  return rows;
}

async function noteNudge(db: Db, row: UnfinishedWork): Promise<void> {
  if (row.kind === 'version') {
    await db.query(
      `UPDATE dbrag.document_versions SET nudged_at = now(), nudges = nudges + 1 WHERE workspace_id = $1 AND document_id = $2 AND version = $3`,
      [row.workspace_id, row.document_id, row.version],
    );
    return;
  }
  await db.query('UPDATE dbrag.jobs SET nudged_at = now(), nudges = nudges + 1 WHERE workspace_id = $1 AND id = $2', [
    row.workspace_id,
    row.job_id,
  ]);
}

/**
 * One chain of sweeps, however many processes have armed one: the next is sent only when none is on its way. Sent before it is
 * noted: dying in between makes one sweep too many, the other way round would make none.
 * @throws when it could not be sent: this sweep comes again then, and with it the chain
 */
async function rearm({ database, queue, failpoint }: SweepPorts): Promise<void> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ armed: boolean }>(
      'SELECT coalesce(armed_until > now() + make_interval(secs => $1), false) AS armed FROM dbrag.sweep_state',
      [sweepDelaySeconds / 2],
    ),
  );
  if (rows[0]?.armed) return;
  await failpoint.reach('sweep.before_rearm');
  const sent = await queue.send('maintenance', [{ body: { v: 1, kind: 'sweep' }, delaySeconds: sweepDelaySeconds }]);
  if (sent === 0) throw new Error('The next sweep could not be sent.');
  await failpoint.reach('sweep.after_rearm');
  await database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET armed_until = now() + make_interval(secs => $1)', [sweepDelaySeconds]),
  );
}

async function takeLease(database: Database, holder: string, leaseSeconds: number): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query(
      `UPDATE dbrag.sweep_state SET leased_by = $1, leased_until = now() + make_interval(secs => $2)
       WHERE leased_until IS NULL OR leased_until < now()`,
      [holder, leaseSeconds],
    ),
  );
  return count > 0;
}

async function releaseLease(database: Database, holder: string): Promise<void> {
  await database.inSystem((db) =>
    db.query('UPDATE dbrag.sweep_state SET leased_by = NULL, leased_until = NULL WHERE leased_by = $1', [holder]),
  );
}
