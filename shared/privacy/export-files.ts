import { publicId } from '../core/ids.ts';
import type { Archive } from './archive.ts';
import type { ExportPorts } from './export-ports.ts';

export interface FilePlace {
  readonly document_id: string;
  readonly version: number;
}

const filesAtOnce = 200;
/** A zip without extensions ends at 4 GiB: what is more goes into the next archive. */
const mostArchiveBytes = 3_000_000_000;

interface StoredFile extends FilePlace {
  readonly name: string;
  readonly s3_key: string;
  readonly s3_version_id: string | null;
}

/**
 * Writes `files/<document>/<version>/<name>`: what each version that was there at the snapshot was made from. A file that is gone since
 * is left out, as the manifest shows.
 * @returns the last file of this archive, and whether it is the last of all
 */
export async function writeFiles(
  { database, objects }: Pick<ExportPorts, 'database' | 'objects'>,
  archive: Archive,
  request: { readonly workspaceId: string; readonly snapshotAt: string; readonly after: FilePlace | null },
  hasTime: () => boolean,
): Promise<{ readonly last: FilePlace | null; readonly isDone: boolean }> {
  const { workspaceId, snapshotAt } = request;
  let last = request.after;
  for (;;) {
    const after = last;
    const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
      db.query<StoredFile>(
        `SELECT v.document_id, v.version, d.name, v.s3_key, v.s3_version_id FROM dbrag.document_versions v
         JOIN dbrag.documents d ON d.workspace_id = v.workspace_id AND d.id = v.document_id
         WHERE v.workspace_id = $1 AND v.created_at <= $2::timestamptz AND v.removed_at IS NULL AND v.s3_key IS NOT NULL
           AND v.status <> 'awaiting_upload'
           AND ($3::uuid IS NULL OR (v.document_id, v.version) > ($3::uuid, $4::int))
         ORDER BY v.document_id, v.version LIMIT $5`,
        [workspaceId, snapshotAt, after?.document_id ?? null, after?.version ?? 0, filesAtOnce],
      ),
    );
    for (const row of rows) {
      await writeFile(objects, archive, row);
      last = { document_id: row.document_id, version: row.version };
      if (!hasTime() || archive.bytes > mostArchiveBytes) return { last, isDone: false };
    }
    if (rows.length < filesAtOnce) return { last, isDone: true };
  }
}

async function writeFile(
  objects: ExportPorts['objects'],
  archive: Archive,
  { document_id: documentId, version, name, s3_key: key, s3_version_id: versionId }: StoredFile,
): Promise<void> {
  const body = await objects.stream(key, versionId ?? undefined);
  if (!body) return;
  const path = `files/${publicId('document', documentId)}/${version}/${fileName(name)}`;
  const file = archive.begin(path, { compressed: false });
  for await (const bytes of body) await file.write(bytes);
  await file.end();
}

/** A name that leads nowhere else, wherever it is unpacked. */
function fileName(name: string): string {
  const safe = name.replaceAll(/[\p{Cc}/\\:*?"<>|]/gu, '_').slice(0, 200);
  return /^\.*$/.test(safe) ? 'file' : safe;
}
