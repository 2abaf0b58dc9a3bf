import type { Job } from './jobs.ts';

/** How far a job is: of an ingestion, chunks that have their vector of all chunks; the total is unknown until it was split. */
export function progressOf(job: Job): { done: number; total: number | null; unit: string } {
  const { ingestion } = job;
  if (!ingestion) return { done: job.progress_done, total: job.progress_total, unit: job.progress_unit ?? 'items' };
  const { chunks, pending } = ingestion;
  const split = chunks > 0;
  return { done: Math.max(0, chunks - pending), total: split ? chunks : null, unit: 'chunks' };
}

/** One sentence: what a job does or waits for now, or why it ended. */
export function explainJob(job: Job): string {
  if (job.status === 'failed') return job.error?.message ?? job.why ?? 'It failed.';
  if (job.why) return job.why;
  if (job.status === 'cancelled') return job.error?.message ?? 'It was cancelled.';
  const { ingestion } = job;
  if (!ingestion)
    return job.status === 'succeeded' ? 'Done.' : job.status === 'queued' ? 'Waiting for a worker.' : 'Running.';
  switch (ingestion.status) {
    case 'awaiting_upload':
      return 'Waiting for the file to be uploaded.';
    case 'queued':
      return `Waiting for a worker of the ${ingestion.priority} queue.`;
    case 'ready':
      return `Ready: ${ingestion.chunks} chunks, ${ingestion.embedded} embedded, ${ingestion.reused} reused.`;
    case 'processing':
      return explainProcessing(job, ingestion);
    default:
      return `The version is ${ingestion.status}.`;
  }
}

function explainProcessing(job: Job, ingestion: NonNullable<Job['ingestion']>): string {
  if (ingestion.waiting_until)
    return `Waiting for the model provider until ${new Date(ingestion.waiting_until).toISOString()}.`;
  if (ingestion.chunks === 0) return 'Reading and splitting the file.';
  const { done, total } = progressOf(job);
  return `Embedding: ${done} of ${total} chunks have their vector.`;
}
