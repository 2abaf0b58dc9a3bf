import type { Caller } from '../../../shared/core/caller.ts';
import { isNarrowed, mayActAs } from '../../../shared/core/caller.ts';
import type { Job } from '../../../shared/jobs/jobs.ts';
import type { ExportResult } from '../../../shared/privacy/export-job.ts';
import type { Services } from '../../runtime/services.ts';

/**
 * The view of a finished export: the archives' URLs, signed again each time the owner asks, and stored in no row. Other callers only see
 * that there is an archive, and its size.
 */
export async function exportResultView(services: Pick<Services, 'objects' | 'clock'>, caller: Caller, job: Job) {
  const result = job.result as unknown as ExportResult;
  const isOver = new Date(result.expires_at) <= services.clock.now();
  const maySign = !isOver && mayActAs(caller, 'owner') && !isNarrowed(caller);
  const archives = await Promise.all(
    result.archives.map(async ({ key, ...archive }) => {
      if (!maySign) return archive;
      const fileName = key.slice(key.lastIndexOf('/') + 1);
      const { url, expiresAt } = await services.objects.presignGet(key, { fileName });
      return { ...archive, url, url_expires_at: expiresAt.toISOString() };
    }),
  );
  const [first] = archives;
  return { ...result, archives, ...(first && 'url' in first ? { url: first.url } : {}) };
}
