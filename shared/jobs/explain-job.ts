import { type Job, type JobType, mostAhead, type VersionProgress } from './jobs.ts';

/** The progress of a job. For an ingestion: chunks with a vector, of all chunks; the total is unknown until the document was split. */
export function progressOf(job: Job): { done: number; total: number | null; unit: string } {
  const { ingestion } = job;
  if (!ingestion) return { done: job.progress_done, total: job.progress_total, unit: job.progress_unit ?? 'items' };
  return { done: chunksDone(ingestion), total: ingestion.chunks > 0 ? ingestion.chunks : null, unit: 'chunks' };
}

/** An estimate: a text in several places has one vector, and texts of an older version may be waiting too. */
function chunksDone({ status, chunks, embedded, reused, pending }: VersionProgress): number {
  if (status === 'ready') return chunks;
  if (status === 'processing') return Math.max(0, chunks - pending);
  return Math.min(chunks, embedded + reused);
}

/** One sentence: what a job does or waits for now, or why it ended. */
export function explainJob(job: Job, now = new Date()): string {
  if (job.status === 'failed') return job.error?.message || job.why || 'It failed.';
  if (job.why) return job.why;
  if (job.status === 'cancelled') return job.error?.message || 'It was cancelled.';
  if (job.ingestion) return explainIngestion(job, job.ingestion, now);
  if (job.status === 'succeeded') return 'Done.';
  return job.status === 'queued' ? 'Waiting for a worker.' : doing[job.type];
}

const doing: Readonly<Record<JobType, string>> = {
  ingest_document: 'Being ingested.',
  update_metadata_catalog: 'Reading the tables of the database.',
  batch_embed: 'Embedding what is not in the space of the model.',
  rebuild_index: 'Building the index.',
  export: 'Writing the export.',
  erase: 'Erasing.',
  delete: 'Removing chunks, vectors and files.',
};

function explainIngestion(job: Job, ingestion: VersionProgress, now: Date): string {
  switch (ingestion.status) {
    case 'awaiting_upload':
      return job.deadline_at
        ? `Waiting for the file to be uploaded, until ${job.deadline_at.toISOString()}.`
        : 'Waiting for the file to be uploaded.';
    case 'queued':
      return explainLine(ingestion);
    case 'ready':
      return `Ready: ${ingestion.chunks} ${ingestion.chunks === 1 ? 'chunk' : 'chunks'}, ${ingestion.embedded} embedded, ${ingestion.reused} reused.`;
    case 'processing':
      return explainProcessing(job, ingestion, now);
    default:
      return `The version is ${ingestion.status}.`;
  }
}

/** Queues are shared, and fair by workspace: the backlog of other workspaces is not shown. */
function explainLine({ priority, ahead }: VersionProgress): string {
  const line = `Waiting for a worker of the ${priority} queue`;
  if (ahead === null) return `${line}.`;
  if (ahead === 0) return `${line}; nothing of this workspace is before it.`;
  const documents = ahead === 1 ? '1 document' : `${ahead} documents`;
  return `${line}, behind ${ahead >= mostAhead ? `at least ${documents}` : documents} of this workspace.`;
}

function explainProcessing(job: Job, ingestion: VersionProgress, now: Date): string {
  if (ingestion.waiting_for) return `${ingestion.waiting_for} The document waits, and goes on by itself.`;
  // Out of a JSON column: text.
  const until = ingestion.waiting_until && new Date(ingestion.waiting_until);
  if (until && until > now) return `Waiting for the model provider until ${until.toISOString()}.`;
  if (ingestion.chunks === 0) return 'Reading and splitting the file.';
  const { done, total } = progressOf(job);
  return `Embedding: ${done} of ${total} chunks have their vector.`;
}
