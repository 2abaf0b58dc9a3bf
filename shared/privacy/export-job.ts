import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { publicId, tryParsePublicId } from '../core/ids.ts';
import type { AddressedNudge } from '../core/work-queue.ts';
import { finishJob, restartJob } from '../jobs/finish-job.ts';
import type { JobKind } from '../jobs/job-kinds.ts';
import { createJob } from '../jobs/jobs.ts';
import { exportsPrefix } from './object-prefixes.ts';

/** What is asked for, and how far it is: the cursor of an export that takes several invocations. */
export interface ExportInput {
  readonly scope: 'workspace' | 'subject';
  /** UUID. */
  readonly subject_id: string | null;
  /** Archives that are written and closed. */
  readonly archives: readonly ExportedArchive[];
  /** Files are archived in the order of their document and version: the last that is in a closed archive. */
  readonly last_file: { readonly document_id: string; readonly version: number } | null;
  /** How often it was begun again. Missing: never. */
  readonly round?: number;
  /** When the rows were read: files of versions that came later are in none. */
  readonly snapshot_at: string | null;
}

export interface ExportedArchive {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly files: number;
}

/** What a finished export says of itself in its job. */
export interface ExportResult {
  readonly archives: readonly ExportedArchive[];
  readonly rows: number;
  readonly expires_at: string;
}

const exportDeadlineMilliseconds = 24 * 3_600_000;
/** Archives are removed after that. */
export const exportDays = 7;

/** @throws not_found for a subject that nobody knows @returns UUID of the job */
export async function beginExport(
  db: Db,
  now: Date,
  request: { workspaceId: string; scope: ExportInput['scope']; subject: string | null; actor: string },
): Promise<string> {
  const { workspaceId, scope, subject, actor } = request;
  const subjectId = scope === 'subject' ? await requireSubject(db, workspaceId, subject ?? '') : null;
  const input: ExportInput = { scope, subject_id: subjectId, archives: [], last_file: null, snapshot_at: null };
  const deadline = new Date(now.getTime() + exportDeadlineMilliseconds);
  return createJob(db, workspaceId, { type: 'export', input, createdBy: actor, deadline });
}

async function requireSubject(db: Db, workspaceId: string, named: string): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND (id = $2 OR external_id = $3) AND erasing_at IS NULL
     ORDER BY (id = $2) DESC NULLS LAST LIMIT 1`,
    [workspaceId, tryParsePublicId('subject', named) ?? null, named],
  );
  if (!rows[0]) throw notFound('subject');
  return rows[0].id;
}

export function exportNudge(workspaceId: string, jobId: string): AddressedNudge {
  const body = { v: 1, kind: 'export', workspace_id: workspaceId, job_id: jobId };
  return { queue: 'maintenance', nudge: { body, groupId: workspaceId } };
}

/**
 * Every run has keys of its own, so that one that was overtaken (its message came twice, or its job was retried) overwrites no archive
 * whose checksum the job has recorded.
 * @param run the job's count of attempts, which each run raises
 */
export function archiveKey(workspaceId: string, jobId: string, number: number, run: number): string {
  return `${archivesPrefix(workspaceId, jobId)}${run}-${number}.zip`;
}

/** The run that wrote an archive, and its place in its export, from 1. @param key as `archiveKey` makes it */
export function placeOfArchive(key: string): { readonly run: number; readonly number: number } {
  const [, run, number] = /-(\d+)-(\d+)\.zip$/.exec(key) ?? [];
  return { run: Number(run), number: Number(number) };
}

/** Of all archives of one export. */
export function archivesPrefix(workspaceId: string, jobId: string): string {
  return `${exportsPrefix(workspaceId)}${publicId('job', jobId)}-`;
}

/** Ends exports that are under way. @returns how many */
export async function endExports(db: Db, workspaceId: string, why: string): Promise<number> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs WHERE workspace_id = $1 AND type = 'export' AND status IN ('queued', 'running') ORDER BY id`,
    [workspaceId],
  );
  for (const { id } of rows) await finishJob(db, workspaceId, id, { status: 'cancelled', why });
  return rows.length;
}

/** Begun again, an export is one of now: what was written of it before is not used. */
export const exportJobs: JobKind = {
  async retry(db, workspaceId, jobs, now) {
    const restarted = [];
    const deadline = new Date(now.getTime() + exportDeadlineMilliseconds);
    for (const { id } of jobs) {
      if (!(await restartJob(db, workspaceId, id, deadline))) continue;
      await db.query(
        `UPDATE dbrag.jobs SET progress_done = 0, input = input || '{"archives": [], "last_file": null, "snapshot_at": null}'
           || jsonb_build_object('round', coalesce((input ->> 'round')::int, 0) + 1)
         WHERE workspace_id = $1 AND id = $2`,
        [workspaceId, id],
      );
      restarted.push({ jobId: id, nudge: exportNudge(workspaceId, id) });
    }
    return restarted;
  },
};
