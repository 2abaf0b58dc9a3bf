import type { Database, Db } from '../core/database.ts';
import type { DomainEvent, EventBus } from '../core/event-bus.ts';
import { publicId } from '../core/ids.ts';
import type { JobType } from './jobs.ts';

/**
 * Publishes on the bus how jobs ended. The transaction that ends a job also writes a pending row, which is deleted once the bus has the
 * events: they are published at least once, whichever process crashes.
 */
export interface Announcements {
  /** Publishes the jobs that ended in a workspace; called after committing the end of one. Never throws because of the bus. */
  tell(workspaceId: string): Promise<void>;
  /** Publishes what a process that crashed should have published. @returns whether there may be more */
  tellLeft(): Promise<boolean>;
}

interface Ending {
  readonly job_id: string;
  /** As text: a Date has no microseconds. */
  readonly ended_at: string;
  readonly type: JobType;
  readonly status: string;
  readonly collection_id: string | null;
  readonly document_id: string | null;
  readonly version: number | null;
  readonly attempts: number;
  readonly error_code: string | null;
  readonly finished_at: Date | null;
  /** Null if the document was deleted. */
  readonly chunks: number | null;
  readonly embedded: number | null;
  readonly reused: number | null;
}

/** With two events each, fifty requests to the bus. */
const endingsAtOnce = 250;
const workspacesAtOnce = 100;
/** Longer than publishing that many takes; after a crash, another process continues when it expires. */
const leaseSeconds = 60;

export function createAnnouncements(database: Database, bus: EventBus): Announcements {
  const tell = async (workspaceId: string): Promise<boolean> => {
    for (;;) {
      const endings = await database.inWorkspace({ workspaceId }, (db) => takeEndings(db, workspaceId));
      const told = await publish(bus, workspaceId, endings);
      if (told.length > 0) await database.inWorkspace({ workspaceId }, (db) => forgetEndings(db, workspaceId, told));
      if (told.length < endings.length) return false;
      if (endings.length < endingsAtOnce) return true;
    }
  };
  return {
    async tell(workspaceId) {
      await tell(workspaceId);
    },
    async tellLeft() {
      const { rows } = await database.inSystem((db) =>
        db.query<{ workspace_id: string }>('SELECT workspace_id FROM dbrag.unannounced_workspaces($1)', [
          workspacesAtOnce,
        ]),
      );
      let all = rows.length < workspacesAtOnce;
      for (const { workspace_id: workspaceId } of rows) all = (await tell(workspaceId)) && all;
      return !all;
    },
  };
}

/** Leases endings that nobody else is publishing: each is published by one process, unless that one crashes. */
async function takeEndings(db: Db, workspaceId: string): Promise<readonly Ending[]> {
  const { rows } = await db.query<Ending>(
    `WITH taken AS (
       UPDATE dbrag.pending_announcements a SET leased_until = now() + make_interval(secs => $3)
       FROM (SELECT job_id FROM dbrag.pending_announcements
             WHERE workspace_id = $1 AND (leased_until IS NULL OR leased_until < now()) LIMIT $2 FOR UPDATE SKIP LOCKED) free
       WHERE a.workspace_id = $1 AND a.job_id = free.job_id
       RETURNING a.job_id, a.ended_at::text AS ended_at
     )
     SELECT taken.job_id, taken.ended_at, j.type, j.status, j.collection_id, j.document_id, j.version, j.attempts,
            j.error ->> 'code' AS error_code, j.finished_at, v.chunks, v.embedded, v.reused
     FROM taken JOIN dbrag.jobs j ON j.workspace_id = $1 AND j.id = taken.job_id
     LEFT JOIN dbrag.document_versions v
       ON j.type = 'ingest_document' AND v.workspace_id = $1 AND v.document_id = j.document_id AND v.version = j.version`,
    [workspaceId, endingsAtOnce, leaseSeconds],
  );
  return rows;
}

/** @returns those whose events were all accepted by the bus */
async function publish(bus: EventBus, workspaceId: string, endings: readonly Ending[]): Promise<readonly Ending[]> {
  const events = endings.flatMap((ending) => eventsOf(workspaceId, ending).map((event) => ({ ending, event })));
  const accepted = await bus.publish(events.map(({ event }) => event));
  const refused = new Set(events.flatMap(({ ending }, i) => (accepted[i] ? [] : [ending])));
  return endings.filter((ending) => !refused.has(ending));
}

/** None for a job that was restarted since: it will end again. */
function eventsOf(workspaceId: string, ending: Ending): DomainEvent[] {
  const { type, status, document_id: documentId, collection_id: collectionId, version } = ending;
  if (status !== 'succeeded' && status !== 'failed') return [];
  const at = ending.finished_at ?? new Date();
  const keys = {
    workspace_id: publicId('workspace', workspaceId),
    collection_id: collectionId && publicId('collection', collectionId),
    document_id: documentId && publicId('document', documentId),
    version,
    job_id: publicId('job', ending.job_id),
    attempts: ending.attempts,
    error_code: ending.error_code,
  };
  const job: DomainEvent = { type: `job.${status}`, at, detail: { ...keys, type, status } };
  // A document that was deleted since is not reported as ready.
  if (type !== 'ingest_document' || ending.chunks === null) return [job];
  const { chunks, embedded, reused } = ending;
  const counts = { chunk_count: chunks, embedded_count: embedded, reused_count: reused };
  const outcome = status === 'succeeded' ? 'ready' : 'failed';
  return [{ type: `document.${outcome}`, at, detail: { ...keys, status: outcome, ...counts } }, job];
}

/** Matches the published ending: if the job has ended again in the meantime, that ending still has to be published. */
async function forgetEndings(db: Db, workspaceId: string, told: readonly Ending[]): Promise<void> {
  await db.query(
    `DELETE FROM dbrag.pending_announcements a USING unnest($2::uuid[], $3::timestamptz[]) AS told (job_id, ended_at)
     WHERE a.workspace_id = $1 AND a.job_id = told.job_id AND a.ended_at = told.ended_at`,
    [workspaceId, told.map((ending) => ending.job_id), told.map((ending) => ending.ended_at)],
  );
}
