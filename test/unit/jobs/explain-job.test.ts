import { describe, expect, it } from 'vitest';
import { explainJob, progressOf } from '../../../shared/jobs/explain-job.ts';
import type { Job, VersionProgress } from '../../../shared/jobs/jobs.ts';

const job = (changes: Partial<Job>, ingestion?: Partial<VersionProgress>): Job => ({
  id: '0198c3d2-a1b4-7c5e-8f90-123456789abc',
  type: ingestion ? 'ingest_document' : 'delete',
  status: 'queued',
  document_id: null,
  version: null,
  progress_done: 0,
  progress_total: null,
  progress_unit: null,
  attempts: 0,
  why: null,
  error: null,
  result: null,
  created_at: new Date(0),
  started_at: null,
  finished_at: null,
  deadline_at: null,
  ingestion: ingestion
    ? {
        status: 'queued',
        priority: 'default',
        chunks: 0,
        embedded: 0,
        reused: 0,
        pending: 0,
        waiting_until: null,
        ...ingestion,
      }
    : null,
  ...changes,
});

describe('why a job is where it is', () => {
  it.each([
    [job({ status: 'queued' }), 'Waiting for a worker.'],
    [job({ status: 'running' }), 'Running.'],
    [job({ status: 'running', why: 'Removing files.' }), 'Removing files.'],
    [job({ status: 'succeeded' }), 'Done.'],
    [job({ status: 'cancelled' }), 'It was cancelled.'],
    [job({ status: 'failed', error: { code: 'x', message: 'It broke.' }, why: 'Running.' }), 'It broke.'],
    [job({}, { status: 'awaiting_upload' }), 'Waiting for the file to be uploaded.'],
    [job({}, { status: 'queued', priority: 'low' }), 'Waiting for a worker of the low queue.'],
    [job({ status: 'running' }, { status: 'processing' }), 'Reading and splitting the file.'],
    [
      job({ status: 'running' }, { status: 'processing', chunks: 8, pending: 3 }),
      'Embedding: 5 of 8 chunks have their vector.',
    ],
    [
      job({ status: 'running' }, { status: 'processing', chunks: 8, pending: 3, waiting_until: new Date(0) }),
      'Waiting for the model provider until 1970-01-01T00:00:00.000Z.',
    ],
    [
      job({ status: 'succeeded' }, { status: 'ready', chunks: 8, embedded: 3, reused: 5 }),
      'Ready: 8 chunks, 3 embedded, 5 reused.',
    ],
    [
      job({ status: 'cancelled', error: { code: 'superseded', message: 'Overtaken.' } }, { status: 'cancelled' }),
      'Overtaken.',
    ],
  ])('is said in one sentence: %#', (given, sentence) => {
    expect(explainJob(given)).toBe(sentence);
  });
});

describe('progress', () => {
  it('of an ingestion is unknown until the file was split', () => {
    expect(progressOf(job({}, { status: 'processing' }))).toEqual({ done: 0, total: null, unit: 'chunks' });
    const split = job({}, { status: 'processing', chunks: 8, pending: 3 });
    expect(progressOf(split)).toEqual({ done: 5, total: 8, unit: 'chunks' });
  });

  it('is never negative: texts of an older version may still be bought', () => {
    expect(progressOf(job({}, { status: 'processing', chunks: 2, pending: 9 })).done).toBe(0);
  });

  it('of other work is what its row says', () => {
    const given = job({ progress_done: 3, progress_total: 4, progress_unit: 'documents' });
    expect(progressOf(given)).toEqual({ done: 3, total: 4, unit: 'documents' });
  });
});
