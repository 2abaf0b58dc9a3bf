import { catalogJobs } from '../../shared/databases/catalog-jobs.ts';
import { rebuildJobs } from '../../shared/indexing/rebuild-jobs.ts';
import { batchEmbedJobs } from '../../shared/ingestion/batch-embed.ts';
import { deletionJobs } from '../../shared/ingestion/deletion-jobs.ts';
import { ingestionJobs } from '../../shared/ingestion/ingestion-jobs.ts';
import type { JobKinds } from '../../shared/jobs/job-kinds.ts';
import { erasureJobs } from '../../shared/privacy/erasure-jobs.ts';
import { exportJobs } from '../../shared/privacy/export-job.ts';

/** The operations on jobs of each type: types not listed here can neither be cancelled nor retried. */
export const jobKinds: JobKinds = {
  ingest_document: ingestionJobs,
  batch_embed: batchEmbedJobs,
  delete: deletionJobs,
  rebuild_index: rebuildJobs,
  update_metadata_catalog: catalogJobs,
  export: exportJobs,
  erase: erasureJobs,
};
