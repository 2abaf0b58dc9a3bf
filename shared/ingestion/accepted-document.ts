import type { Priority } from '../core/work-queue.ts';
import type { Job } from '../jobs/jobs.ts';
import type { Document } from './documents.ts';

export interface NewDocument {
  readonly collectionId: string;
  readonly name: string;
  readonly contentType: string | null;
  /** Null: not known yet. */
  readonly bytes: number | null;
  /** Undefined: keep what the document has. */
  readonly metadata?: object | undefined;
  /** The same source is the same document: this becomes its next version. Null: always a new document. */
  readonly sourceUri: string | null;
  readonly priority: Priority;
  readonly object: { readonly key: string; readonly versionId: string | null };
  /** Chosen by the caller if the object's key contains it. */
  readonly documentId?: string;
}

export interface AcceptedDocument {
  readonly document: Document;
  readonly job: Job;
  readonly attempt: number;
}

/** Unfinished ingestion is given up after this long; the sweeper moves it while a backlog is worked off. */
export const ingestionDeadlineMilliseconds = 6 * 3_600_000;
/**
 * An announced file that never arrived is given up after this long: its URL was valid for 15 minutes, and an upload started by then has had time
 * to arrive. Sweeps continue until then, so a whole day would keep an idle database awake. A file that arrives later is a new version.
 */
export const uploadDeadlineMilliseconds = 2 * 3_600_000;

/** The job of a document that was just accepted. */
export function queuedJob(
  id: string,
  document: Document,
  { status, priority }: { readonly status: 'queued' | 'awaiting_upload'; readonly priority: Priority },
  deadline: Date,
): Job {
  return {
    id,
    type: 'ingest_document',
    status: 'queued',
    connection_id: null,
    collection_id: document.collection_id,
    document_id: document.id,
    version: document.version,
    progress_done: 0,
    progress_total: null,
    progress_unit: 'chunks',
    attempts: 0,
    why: null,
    error: null,
    result: null,
    created_at: document.updated_at,
    started_at: null,
    finished_at: null,
    deadline_at: deadline,
    ingestion: { status, priority, chunks: 0, embedded: 0, reused: 0, pending: 0, ahead: null, waiting_until: null },
  };
}
