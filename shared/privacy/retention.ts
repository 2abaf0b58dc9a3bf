import { recordAudit } from '../access/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { beginDeletion, deletionAudit, nudgeDeletion } from '../ingestion/delete-document.ts';
import { type ExportResult, exportDays } from './export-job.ts';
import { exportsPrefix } from './object-prefixes.ts';

export interface RetentionPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly objects: Pick<ObjectStore, 'purge' | 'list'>;
}

/** A night's share; the rest leaves the next night. */
const mostPerNight = 500;
/** Whom the trail names. */
const actor = 'retention';
const origin = { requestId: 'nightly', ip: null, userAgent: null };

/** Begins to delete documents whose newest version is older than the workspace keeps them. @returns how many */
export async function expireDocuments(ports: RetentionPorts, workspaceId: string, days: number): Promise<number> {
  const { database, queue } = ports;
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ id: string }>(
      `SELECT d.id FROM dbrag.documents d
       JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version
       WHERE d.workspace_id = $1 AND d.status NOT IN ('deleting', 'awaiting_upload')
         AND v.created_at < now() - make_interval(days => $2::int)
       ORDER BY d.id LIMIT $3`,
      [workspaceId, days, mostPerNight],
    ),
  );
  for (const { id } of rows) {
    const { jobId } = await database.inWorkspace({ workspaceId }, async (db) => {
      const begun = await beginDeletion(db, ports, workspaceId, id, actor);
      if (begun.begun) await recordAudit(db, workspaceId, actor, origin, [deletionAudit(id)]);
      return begun;
    });
    await nudgeDeletion(queue, workspaceId, jobId);
  }
  return rows.length;
}

/** Removes archives of exports whose time is over; also of those that did not come to their end, and that no job tells of. */
export async function expireExports(ports: RetentionPorts, workspaceId: string): Promise<void> {
  const { database, objects } = ports;
  // The first archives of an export may be a day older than its last, and are kept for as long.
  const promised = await database.inWorkspace({ workspaceId }, (db) => promisedArchives(db, workspaceId));
  for await (const key of oldArchives(ports, workspaceId)) if (!promised.has(key)) await objects.purge(key);
  const keys = await database.inWorkspace({ workspaceId }, (db) => expiredArchives(db, workspaceId));
  for (const key of keys) await objects.purge(key);
  if (keys.length === 0) return;
  await database.inWorkspace({ workspaceId }, (db) =>
    db.query(
      `UPDATE dbrag.jobs SET result = result || '{"archives": []}'
       WHERE workspace_id = $1 AND type = 'export' AND status = 'succeeded' AND (result ->> 'expires_at')::timestamptz < now()`,
      [workspaceId],
    ),
  );
}

/** Keys in the bucket, by their age alone. */
async function* oldArchives({ objects, clock }: RetentionPorts, workspaceId: string): AsyncGenerator<string> {
  const oldest = clock.now().getTime() - exportDays * 86_400_000;
  let after: string | undefined;
  do {
    const listed = await objects.list(exportsPrefix(workspaceId), after);
    for (const { key, modifiedAt } of listed) if (modifiedAt.getTime() < oldest) yield key;
    after = listed.at(-1)?.key;
  } while (after !== undefined);
}

/** Of exports whose time is not over. */
async function promisedArchives(db: Db, workspaceId: string): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ key: string }>(
    `SELECT archive ->> 'key' AS key FROM dbrag.jobs, jsonb_array_elements(input -> 'archives') AS archive
     WHERE workspace_id = $1 AND type = 'export'
       AND (status IN ('queued', 'running') OR (status = 'succeeded' AND (result ->> 'expires_at')::timestamptz >= now()))`,
    [workspaceId],
  );
  return new Set(rows.map(({ key }) => key));
}

async function expiredArchives(db: Db, workspaceId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ result: ExportResult }>(
    `SELECT result FROM dbrag.jobs WHERE workspace_id = $1 AND type = 'export' AND status = 'succeeded'
       AND (result ->> 'expires_at')::timestamptz < now() AND jsonb_array_length(result -> 'archives') > 0`,
    [workspaceId],
  );
  return rows.flatMap(({ result }) => result.archives.map(({ key }) => key));
}
