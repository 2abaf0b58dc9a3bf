import { publicId } from '../core/ids.ts';
import type { Archive } from './archive.ts';
import type { ExportInput } from './export-job.ts';

interface ArchivedExport {
  readonly workspaceId: string;
  readonly input: ExportInput;
  /** From 1. */
  readonly number: number;
  readonly snapshotAt: string;
  readonly isLast: boolean;
}

/** Writes `manifest.json`, the last file of an archive: what is in it, with sizes and checksums. */
export async function writeManifest(archive: Archive, exported: ArchivedExport): Promise<void> {
  const { workspaceId, input, number, snapshotAt, isLast } = exported;
  const manifest = {
    format: 'dbrag-export',
    v: 1,
    workspace_id: publicId('workspace', workspaceId),
    scope: input.scope,
    subject_id: input.subject_id && publicId('subject', input.subject_id),
    snapshot_at: snapshotAt,
    archive: number,
    last: isLast,
    files: archive.files,
  };
  const file = archive.begin('manifest.json', { compressed: true });
  await file.write(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  await file.end();
}
