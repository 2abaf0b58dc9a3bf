import { publicId } from '../../../shared/core/ids.ts';
import { explainJob, progressOf } from '../../../shared/jobs/explain-job.ts';
import type { Job } from '../../../shared/jobs/jobs.ts';

export function jobView(job: Job) {
  return {
    id: publicId('job', job.id),
    object: 'job' as const,
    type: job.type,
    status: job.status,
    document_id: job.document_id && publicId('document', job.document_id),
    version: job.version,
    progress: progressOf(job),
    attempts: job.attempts,
    why: explainJob(job),
    error: job.error,
    result: job.type === 'export' ? withoutKeys(job.result) : job.result,
    created_at: job.created_at.toISOString(),
    started_at: job.started_at?.toISOString() ?? null,
    finished_at: job.finished_at?.toISOString() ?? null,
    deadline_at: job.deadline_at?.toISOString() ?? null,
  };
}

/** Archive keys are internal: URLs are signed for those who may have them. */
function withoutKeys(result: Job['result']): Job['result'] {
  const archives = (result as { archives?: readonly Record<string, unknown>[] } | null)?.archives;
  return archives ? { ...result, archives: archives.map(({ key: _, ...archive }) => archive) } : result;
}
