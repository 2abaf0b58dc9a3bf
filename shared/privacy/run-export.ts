import type { Db } from '../core/database.ts';
import { sendNudges } from '../core/work-queue.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import { Archive } from './archive.ts';
import { type FilePlace, writeFiles } from './export-files.ts';
import {
  archiveKey,
  archivesPrefix,
  type ExportInput,
  type ExportResult,
  exportDays,
  exportNudge,
  placeOfArchive,
} from './export-job.ts';
import { writeManifest } from './export-manifest.ts';
import type { ExportPorts } from './export-ports.ts';
import { writeRows } from './export-rows.ts';

/**
 * Writes an export: all rows in one snapshot into the first archive, then the original files, into as many archives as it takes. Rows are
 * never split, since a snapshot ends with its transaction; files are of versions that never change, so they may follow in other
 * invocations. An archive counts once the job names it: whoever died before that leaves the same one to be written again, and what was closed of it is
 * removed by the run that goes on. What is written of an export that was ended meanwhile is removed.
 */
export async function runExport(
  ports: ExportPorts,
  workspaceId: string,
  jobId: string,
  hasTime: () => boolean,
): Promise<void> {
  const begun = await ports.database.inWorkspace({ workspaceId }, (db) => beginRun(db, workspaceId, jobId));
  if (!begun) return removeOfEnded(ports, workspaceId, jobId);
  const { input, run } = begun;
  const number = input.archives.length + 1;
  const key = archiveKey(workspaceId, jobId, number, run);
  const archive = new Archive(await ports.objects.beginUpload(key, { contentType: 'application/zip' }));
  let rows = 0;
  let end: { readonly last: FilePlace | null; readonly isDone: boolean };
  let written: { readonly bytes: number; readonly sha256: string };
  let snapshotAt = input.snapshot_at;
  try {
    if (snapshotAt === null) ({ rows, snapshotAt } = await writeRows(ports, archive, workspaceId, input));
    await ports.failpoint.reach('export.mid_zip');
    end =
      input.scope === 'subject'
        ? { last: null, isDone: true }
        : await writeFiles(ports, archive, { workspaceId, snapshotAt, after: input.last_file }, hasTime);
    await writeManifest(archive, { workspaceId, input, number, snapshotAt, isLast: end.isDone });
    written = await archive.complete();
  } catch (error) {
    await archive.abort().catch(() => {});
    throw error;
  }
  await ports.failpoint.reach('export.before_record');
  const archives = [...input.archives, { key, ...written, files: archive.files.length }];
  const next: ExportInput = { ...input, archives, last_file: end.last, snapshot_at: snapshotAt };
  const isRecorded = await ports.database.inWorkspace({ workspaceId }, async (db) => {
    const { count } = await db.query(
      `UPDATE dbrag.jobs SET input = $3, progress_done = progress_done + $4, progress_unit = 'rows'
       WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND jsonb_array_length(input -> 'archives') = $5
         AND coalesce((input ->> 'round')::int, 0) = $6`,
      [workspaceId, jobId, next, rows, input.archives.length, input.round ?? 0],
    );
    if (count > 0 && end.isDone) await finish(db, ports, workspaceId, jobId, next);
    return count > 0;
  });
  // Another run closed this archive first, or the export has been ended or begun again.
  if (!isRecorded) return void (await ports.objects.purge(key));
  if (!end.isDone) await sendNudges(ports.queue, [exportNudge(workspaceId, jobId)]);
  const named = { archives, upToRun: run, isDone: end.isDone };
  await removeUnnamed(ports.objects, archivesPrefix(workspaceId, jobId), named);
}

/** A run that died after it had written an archive, and before its job named it, left that archive behind. */
async function removeOfEnded({ database, objects }: ExportPorts, workspaceId: string, jobId: string): Promise<void> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ input: ExportInput; status: string; attempts: number }>(
      `SELECT input, status, attempts FROM dbrag.jobs
       WHERE workspace_id = $1 AND id = $2 AND type = 'export' AND status IN ('succeeded', 'failed', 'cancelled')`,
      [workspaceId, jobId],
    ),
  );
  const ended = rows[0];
  if (!ended) return;
  const archives = ended.status === 'succeeded' ? ended.input.archives : [];
  const named = { archives, upToRun: ended.attempts, isDone: true };
  await removeUnnamed(objects, archivesPrefix(workspaceId, jobId), named);
}

/** What a job named of its archives when it was read or written. */
interface Named {
  readonly archives: ExportInput['archives'];
  /** The last run that had begun, whose key none of a later one has: attempts only rise. */
  readonly upToRun: number;
  readonly isDone: boolean;
}

/**
 * Removes archives of an export that its job does not name. While it goes on, those only whose number the job has given to another: a run that was
 * overtaken may be about to have the next one named. Never those of later runs: the export may have been begun again meanwhile, and they be
 * what its job names now.
 */
async function removeUnnamed(
  objects: ExportPorts['objects'],
  prefix: string,
  { archives, upToRun, isDone }: Named,
): Promise<void> {
  const named = new Set(archives.map(({ key }) => key));
  let after: string | undefined;
  do {
    const listed = await objects.list(prefix, after);
    for (const { key } of listed) {
      const { run, number } = placeOfArchive(key);
      if (!named.has(key) && run <= upToRun && (isDone || number <= archives.length)) await objects.purge(key);
    }
    after = listed.at(-1)?.key;
  } while (after !== undefined);
}

async function beginRun(
  db: Db,
  workspaceId: string,
  jobId: string,
): Promise<{ readonly input: ExportInput; readonly run: number } | undefined> {
  if (!(await startJob(db, workspaceId, jobId, 'export', 'Writing the archive.'))) return undefined;
  const { rows } = await db.query<{ input: ExportInput; run: number }>(
    'SELECT input, attempts AS run FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
    [workspaceId, jobId],
  );
  return rows[0];
}

async function finish(
  db: Db,
  { clock }: ExportPorts,
  workspaceId: string,
  jobId: string,
  { archives }: ExportInput,
): Promise<void> {
  const { rows } = await db.query<{ rows: number }>(
    'SELECT progress_done::int AS rows FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2',
    [workspaceId, jobId],
  );
  const result: ExportResult = {
    archives,
    rows: rows[0]?.rows ?? 0,
    expires_at: new Date(clock.now().getTime() + exportDays * 86_400_000).toISOString(),
  };
  const why = `${result.rows} rows in ${archives.length} ${archives.length === 1 ? 'archive' : 'archives'}.`;
  await finishJob(db, workspaceId, jobId, { status: 'succeeded', result, why });
}
