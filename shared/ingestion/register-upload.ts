import { recordAudit } from '../access/audit.ts';
import type { RequestOrigin } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import { DbragError } from '../core/errors.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { publicId } from '../core/ids.ts';
import type { ObjectHead, ObjectStore } from '../core/object-store.ts';
import { type Priority, priorities, type WorkQueue } from '../core/work-queue.ts';
import type { SweepArm } from '../jobs/arm-sweep.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { acceptDocument, type OneNewDocument } from './accept-document.ts';
import { type AcceptedDocument, ingestionDeadlineMilliseconds } from './accepted-document.ts';
import { type DeleteDocumentPorts, deleteDocumentOfSource } from './delete-document.ts';
import { failVersion } from './fail-version.ts';
import { fittingLabels, fittingName } from './label-limits.ts';
import { type IngestionNudge, nudgeIngestion } from './nudge-ingestion.ts';
import { parseUploadKey, uploadSource } from './object-keys.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';
import { isSidecar, readSidecar, sidecarOf, sidecarTarget } from './upload-sidecar.ts';

export interface RegisterUploadPorts extends DeleteDocumentPorts {
  readonly database: Database;
  readonly failpoint: Failpoint;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
  readonly sweep: SweepArm;
  readonly clock: Clock;
  readonly onRejected: (key: string, reason: string) => void;
  /** None where it is left out. */
  readonly quotas?: (workspaceId: string) => Promise<WorkspaceQuotas>;
}

/** The content of an S3 event; only bucket and key are trusted, the rest is read from the object. */
export interface UploadEvent {
  readonly bucket: string;
  /** Decoded. */
  readonly key: string;
  readonly versionId: string | undefined;
  readonly bytes: number | undefined;
  /** For the audit trail: who put or removed it. */
  readonly origin: RequestOrigin;
}

/** How often an object may change while being read before the message is left for redelivery. */
const rounds = 5;

/**
 * Makes the rows say what the bucket holds at this key: a document version for the current object, a deletion when there is none.
 * Events may come twice, late or in any order, so it asks the bucket what is there now, writes that, and asks again until nothing
 * has changed in between.
 */
export async function registerUpload(ports: RegisterUploadPorts, event: UploadEvent): Promise<void> {
  // Consoles create objects to represent folders; they are not meant as documents.
  if (event.key.endsWith('/')) return;
  const key = isSidecar(event.key) ? sidecarTarget(event.key) : event.key;
  const place = parseUploadKey(key) && (await placeOf(ports.database, key));
  if (!place) return reject(ports, event);
  await ports.sweep.arm();
  await ports.failpoint.reach('register.after_receive');
  let head = await ports.objects.head(key);
  for (let round = 0; round < rounds; round++) {
    await registerObject(ports, { ...place, key, isSidecar: isSidecar(event.key), origin: event.origin }, head);
    const after = await ports.objects.head(key);
    if (after?.versionId === head?.versionId) return;
    head = after;
  }
  throw new Error(`The object ${key} changed ${rounds} times while it was registered.`);
}

interface Place {
  readonly workspaceId: string;
  readonly collectionId: string;
}

/** A file to register, whatever its event reported. */
interface Upload extends Place {
  readonly key: string;
  readonly isSidecar: boolean;
  readonly origin: RequestOrigin;
}

/** Whom the trail names: the bucket does not say which person it was. */
const actor = 's3';

/** Workspace and collection that a key names; undefined when either does not exist or is being deleted. */
async function placeOf(database: Database, key: string): Promise<Place | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ workspace_id: string; collection_id: string }>(
      'SELECT workspace_id, collection_id FROM dbrag.workspace_of_key($1)',
      [key],
    ),
  );
  const row = rows[0];
  return row && { workspaceId: row.workspace_id, collectionId: row.collection_id };
}

/** Of an erased workspace nothing is listed again; the object itself is removed where its erasure is settled. */
async function isErased(database: Database, key: string): Promise<boolean> {
  const workspaceId = parseUploadKey(key)?.workspaceId;
  if (workspaceId === undefined) return false;
  const { count } = await database.inSystem((db) =>
    db.query('SELECT FROM dbrag.erasures WHERE erased_workspace = $1', [workspaceId]),
  );
  return count > 0;
}

async function reject(ports: RegisterUploadPorts, event: UploadEvent): Promise<void> {
  if (await isErased(ports.database, event.key)) return;
  const shown = event.key.replaceAll('\0', '\uFFFD');
  const reason = parseUploadKey(event.key)
    ? 'unknown workspace or collection'
    : 'not under uploads/<workspace>/<collection>/';
  ports.onRejected(shown, reason);
  await ports.database.inSystem((db) =>
    db.query(
      `INSERT INTO dbrag.rejected_uploads (bucket, s3_key, s3_version_id, bytes, reason) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (bucket, s3_key, s3_version_id) DO NOTHING`,
      [event.bucket, shown, event.versionId ?? '', event.bytes ?? null, reason],
    ),
  );
}

async function registerObject(ports: RegisterUploadPorts, upload: Upload, head: ObjectHead | undefined): Promise<void> {
  if (head === undefined) {
    const { workspaceId, collectionId, key, origin } = upload;
    await deleteDocumentOfSource(ports, { workspaceId, collectionId, sourceUri: uploadSource(key), actor, origin });
    return;
  }
  const sidecar = await readSidecar(ports.objects, sidecarOf(upload.key));
  const quotas = await ports.quotas?.(upload.workspaceId);
  const nudge = await ports.database.inWorkspace({ workspaceId: upload.workspaceId }, (db) =>
    writeVersion(db, ports, upload, head, { sidecar, quotas }),
  );
  await ports.failpoint.reach('register.after_commit');
  if (nudge) await nudgeIngestion(ports.queue, nudge);
}

/** @returns the nudge for a version that is new; undefined when this object is known already, or was deleted here */
async function writeVersion(
  db: Db,
  ports: RegisterUploadPorts,
  upload: Upload,
  head: ObjectHead,
  { sidecar, quotas }: { sidecar: Record<string, unknown> | undefined; quotas: WorkspaceQuotas | undefined },
): Promise<IngestionNudge | undefined> {
  const { workspaceId, collectionId, key } = upload;
  const place = { workspaceId, collectionId };
  await lockKey(db, workspaceId, key);
  const known = await findUpload(db, place, key, head);
  const metadata = fittingLabels({ ...metadataOf(head), ...sidecar });
  const described = Object.keys(metadata).length > 0 ? metadata : undefined;
  if (known?.buried) return undefined;
  if (known?.id && known.s3_version_id === (head.versionId ?? null) && known.version_status !== 'awaiting_upload') {
    // Only its sidecar changes the labels of a file that is known: they may have been changed over HTTPS since it came.
    if (upload.isSidecar) await relabel(db, place, known.id, metadata);
    return undefined;
  }
  if (known?.id && known.version !== null && known.version_status === 'awaiting_upload') {
    await startUpload(db, ports, place, { documentId: known.id, version: known.version }, head, described);
    return { ...place, documentId: known.id, version: known.version, attempt: 1, priority: known.priority };
  }
  const accepted = await acceptOrFail(db, {
    ...place,
    name: fittingName(head.metadata['dbrag-name'], key.slice(key.lastIndexOf('/') + 1)),
    contentType: head.contentType ?? null,
    bytes: head.bytes,
    metadata: described,
    sourceUri: uploadSource(key),
    priority: priorityOf(head),
    object: { key, versionId: head.versionId ?? null },
    status: 'queued',
    createdBy: actor,
    now: ports.clock.now(),
    ...(quotas ? { quotas } : {}),
  });
  const { id, version } = accepted.document;
  await recordAudit(db, workspaceId, actor, upload.origin, [
    {
      action: 'document.create',
      resourceType: 'document',
      resourceId: publicId('document', id),
      detail: { version },
    },
  ]);
  return { ...place, documentId: id, version, attempt: 1, priority: priorityOf(head) };
}

/** Nobody can be answered that there is no room for a file: its document says so, and can be tried again when there is. */
async function acceptOrFail(db: Db, { quotas, ...document }: OneNewDocument): Promise<AcceptedDocument> {
  try {
    return await acceptDocument(db, { ...document, ...(quotas ? { quotas } : {}) });
  } catch (error) {
    if (!(error instanceof DbragError) || error.code !== 'quota_exceeded') throw error;
    const accepted = await acceptDocument(db, document);
    const { id: documentId, version } = accepted.document;
    const { workspaceId } = document;
    const claim = { workspaceId, documentId, version, attempt: accepted.attempt };
    await failVersion(db, claim, new DocumentError('quota_exceeded', error.message));
    return accepted;
  }
}

/** Two messages about one object, worked on at once, would both find it unknown and make two versions of it. */
async function lockKey(db: Db, workspaceId: string, key: string): Promise<void> {
  await db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`upload ${workspaceId} ${key}`]);
}

interface KnownUpload {
  id: string | null;
  version: number | null;
  version_status: string;
  s3_version_id: string | null;
  priority: Priority;
  buried: boolean;
}

async function findUpload(db: Db, place: Place, key: string, head: ObjectHead): Promise<KnownUpload | undefined> {
  const { rows } = await db.query<KnownUpload>(
    `SELECT d.id, v.version, v.status AS version_status, v.s3_version_id, v.priority,
            EXISTS (SELECT FROM dbrag.tombstones t WHERE t.workspace_id = $1 AND t.s3_key = $4 AND t.s3_version_id = $5) AS buried
     FROM (VALUES (1)) one
     LEFT JOIN dbrag.documents d ON d.workspace_id = $1 AND d.collection_id = $2 AND d.source_uri = $3
     LEFT JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version`,
    [place.workspaceId, place.collectionId, uploadSource(key), key, head.versionId ?? ''],
  );
  return rows[0];
}

/** The promised file has come: its version starts to wait for a worker. */
async function startUpload(
  db: Db,
  ports: RegisterUploadPorts,
  place: Place,
  { documentId, version }: { documentId: string; version: number },
  head: ObjectHead,
  metadata: object | undefined,
): Promise<void> {
  const deadline = new Date(ports.clock.now().getTime() + ingestionDeadlineMilliseconds);
  await lockDocuments(db, place.workspaceId, [documentId]);
  const started = await setVersionStatus(db, place.workspaceId, [{ documentId, version }], {
    from: ['awaiting_upload'],
    to: 'queued',
  });
  if (started.length === 0) return;
  await db.query(
    `UPDATE dbrag.document_versions SET s3_version_id = $4, bytes = $5, content_type = $6, deadline_at = $7
     WHERE workspace_id = $1 AND document_id = $2 AND version = $3`,
    [place.workspaceId, documentId, version, head.versionId ?? null, head.bytes, head.contentType ?? null, deadline],
  );
  await db.query(
    'UPDATE dbrag.jobs SET deadline_at = $4 WHERE workspace_id = $1 AND document_id = $2 AND version = $3',
    [place.workspaceId, documentId, version, deadline],
  );
  await db.query(
    `UPDATE dbrag.documents SET bytes = $3, content_type = $4, metadata = metadata || coalesce($5, '{}'::jsonb), deadline_at = $6
     WHERE workspace_id = $1 AND id = $2 AND status <> 'deleting'`,
    [place.workspaceId, documentId, head.bytes, head.contentType ?? null, metadata ?? null, deadline],
  );
}

async function relabel(db: Db, place: Place, documentId: string, metadata: object): Promise<void> {
  await db.query(
    `WITH changed AS (
       UPDATE dbrag.documents SET metadata = $3, updated_at = now()
       WHERE workspace_id = $1 AND id = $2 AND metadata <> $3 AND status <> 'deleting' RETURNING collection_id
     )
     UPDATE dbrag.collections c SET generation = generation + 1
     FROM changed WHERE c.workspace_id = $1 AND c.id = changed.collection_id`,
    [place.workspaceId, documentId, metadata],
  );
}

/** `x-amz-meta-dbrag-<key>` labels the document, except for names with a special meaning. */
function metadataOf(head: ObjectHead): Record<string, string> {
  const own = new Set(['dbrag-priority', 'dbrag-name']);
  const labels = Object.entries(head.metadata).filter(([name]) => name.startsWith('dbrag-') && !own.has(name));
  return Object.fromEntries(labels.map(([name, value]) => [name.slice('dbrag-'.length), value]));
}

function priorityOf(head: ObjectHead): Priority {
  const asked = head.metadata['dbrag-priority'];
  return priorities.find((priority) => priority === asked) ?? 'default';
}
