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
} from './export-job.ts';
import { writeManifest } from './export-manifest.ts';
import type { ExportPorts } from './export-ports.ts';
import { writeRows } from './export-rows.ts';

/**
 * Writes an export: all rows in one snapshot into the first archive, then the original files, into as many archives as it takes. Rows are
 * never split, since a snapshot ends with its transaction; files are of versions that never change, so they may follow in other
 * invocations. An archive counts once it is closed: whoever died in the middle of one begins that one again. What is written of an
 * export that was ended meanwhile is removed.
 */
export async function runExport(
  ports: ExportPorts,
  workspaceId: string,
  jobId: string,
  hasTime: () => boolean,
): Promise<void> {
  const begun = await ports.database.inWorkspace({ workspaceId }, (db) => beginRun(db, workspaceId, jobId));
  if (!begun) return removeEnded(ports, workspaceId, jobId);
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
  if (!isRecorded) await ports.objects.purge(key);
  else if (!end.isDone) await sendNudges(ports.queue, [exportNudge(workspaceId, jobId)]);
}

/** A run that died after it had written an archive, and before it saw that its export had been ended, left that archive behind. */
async function removeEnded({ database, objects }: ExportPorts, workspaceId: string, jobId: string): Promise<void> {
  const { count } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query(
      `SELECT FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2 AND type = 'export' AND status IN ('failed', 'cancelled')`,
      [workspaceId, jobId],
    ),
  );
  if (count > 0) await objects.purge(archivesPrefix(workspaceId, jobId));
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
