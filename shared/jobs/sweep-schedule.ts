import { longestDelaySeconds } from '../core/work-queue.ts';
import { sweepDelaySeconds } from './arm-sweep.ts';
import type { UnfinishedWork } from './unfinished-work.ts';

const firstBackoffMilliseconds = sweepDelaySeconds * 1000;
const longestBackoffMilliseconds = 3_600_000;
/** A sweep may come slightly early, and is armed slightly before the work that it should find: work is due this much sooner. */
const slackMilliseconds = 15_000;
const shortestDelaySeconds = 30;
/** Until the next sweep, if more is due than one handles. */
const busyDelaySeconds = 60;

type Row = Pick<UnfinishedWork, 'waiting_until' | 'nudged_at' | 'created_at' | 'nudges'>;

/**
 * When work is nudged again, in milliseconds since 1970: five minutes after it was created or last changed, then after twice as long each
 * time, up to an hour; never while it waits for a provider.
 */
function dueAt({ waiting_until: waitingUntil, nudged_at: nudgedAt, created_at: createdAt, nudges }: Row): number {
  const last = (nudgedAt ?? createdAt).getTime();
  const backoff = Math.min(firstBackoffMilliseconds * 2 ** nudges, longestBackoffMilliseconds);
  return Math.max(waitingUntil?.getTime() ?? 0, last + backoff - slackMilliseconds);
}

/** @param now milliseconds since 1970 */
export function isDue(row: Row, now: number): boolean {
  return dueAt(row) <= now;
}

/**
 * In how many seconds the next sweep should come: when the first work that is not due now becomes due, so that a lost nudge is replaced
 * on time. Work that is due now counts as nudged.
 * @param work what this sweep saw
 * @param pageSize the most of one kind that a sweep sees
 */
export function nextSweepSeconds(work: readonly UnfinishedWork[], now: number, pageSize: number): number {
  const due = work.filter((row) => row.status !== 'awaiting_upload' && isDue(row, now));
  const perPage = Map.groupBy(due, (row) => `${row.kind} ${row.kind === 'version' ? row.priority : ''}`);
  if ([...perPage.values()].some((rows) => rows.length >= pageSize)) return busyDelaySeconds;
  const looks = work.map((row) => Math.min(deadlineAhead(row, now), nextLook(row, now)));
  const seconds = Math.ceil((Math.min(...looks, Number.POSITIVE_INFINITY) - now) / 1_000);
  // A sweep that crashes half-way leaves nudges unsent: the next one finds them.
  // While nothing is due, an idle database may sleep.
  const longest = due.length > 0 ? sweepDelaySeconds : longestDelaySeconds;
  return Math.max(shortestDelaySeconds, Math.min(longest, seconds));
}

/** Work past its deadline is ended or moved by this sweep. */
function deadlineAhead({ deadline_at: deadline }: UnfinishedWork, now: number): number {
  return deadline.getTime() > now ? deadline.getTime() : Number.POSITIVE_INFINITY;
}

function nextLook(row: UnfinishedWork, now: number): number {
  if (row.status === 'awaiting_upload') return Number.POSITIVE_INFINITY;
  if (!isDue(row, now)) return dueAt(row);
  return dueAt({ ...row, nudged_at: new Date(now), nudges: row.nudges + 1 });
}
