import type { RequestOrigin } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { ObjectHead, ObjectStore } from '../core/object-store.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import type { SweepArm } from '../jobs/arm-sweep.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { type DeleteDocumentPorts, deleteDocumentOfSource } from './delete-document.ts';
import { nudgeIngestion } from './nudge-ingestion.ts';
import { parseUploadKey, uploadSource } from './object-keys.ts';
import { rejectUpload, type UploadedObject } from './reject-upload.ts';
import { isSidecar, readSidecar, sidecarOf, sidecarTarget } from './upload-sidecar.ts';
import { type Upload, uploadActor, writeUpload } from './write-upload.ts';

export interface RegisterUploadPorts extends DeleteDocumentPorts {
  readonly database: Database;
  readonly failpoint: Failpoint;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
  readonly sweep: SweepArm;
  readonly clock: Clock;
  readonly onRejected: (key: string, reason: string) => void;
  /** No quotas apply if it is left out. */
  readonly quotas?: (workspaceId: string) => Promise<WorkspaceQuotas>;
}

/** The content of an S3 event; only bucket and key are trusted, the rest is read from the object. */
export interface UploadEvent extends UploadedObject {
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
  if (!place) return rejectUpload(ports, event);
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

/** Workspace and collection that a key names; undefined when either does not exist or is being deleted. */
async function placeOf(
  database: Database,
  key: string,
): Promise<Pick<Upload, 'workspaceId' | 'collectionId'> | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ workspace_id: string; collection_id: string }>(
      'SELECT workspace_id, collection_id FROM dbrag.workspace_of_key($1)',
      [key],
    ),
  );
  const row = rows[0];
  return row && { workspaceId: row.workspace_id, collectionId: row.collection_id };
}

async function registerObject(ports: RegisterUploadPorts, upload: Upload, head: ObjectHead | undefined): Promise<void> {
  const { workspaceId, collectionId, key, origin } = upload;
  if (head === undefined) {
    const sourceUri = uploadSource(key);
    await deleteDocumentOfSource(ports, { workspaceId, collectionId, sourceUri, actor: uploadActor, origin });
    return;
  }
  const sidecar = await readSidecar(ports.objects, sidecarOf(key));
  const quotas = await ports.quotas?.(workspaceId);
  const nudge = await ports.database.inWorkspace({ workspaceId }, (db) =>
    writeUpload(db, ports.clock, upload, { head, sidecar, quotas }),
  );
  await ports.failpoint.reach('register.after_commit');
  if (nudge) await nudgeIngestion(ports.queue, nudge);
}
