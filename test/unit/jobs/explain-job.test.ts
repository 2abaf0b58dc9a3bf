import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainJob, progressOf } from '../../../shared/jobs/explain-job.ts';
import type { Job, JobStatus, JobType, VersionProgress } from '../../../shared/jobs/jobs.ts';

const job = (changes: Partial<Job>, ingestion?: Partial<VersionProgress>): Job => ({
  id: '0198c3d2-a1b4-7c5e-8f90-123456789abc',
  type: ingestion ? 'ingest_document' : 'delete',
  status: 'queued',
  collection_id: null,
  connection_id: null,
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
        ahead: null,
        waiting_until: null,
        ...ingestion,
      }
    : null,
  ...changes,
});
const now = new Date(Date.UTC(2026, 10, 1));
const later = new Date(now.getTime() + 60_000);

describe('why a job is where it is', () => {
  it.each([
    [job({ status: 'queued' }), 'Waiting for a worker.'],
    [job({ status: 'running' }), 'Removing chunks, vectors and files.'],
    [job({ status: 'running', why: 'Removing files.' }), 'Removing files.'],
    [job({ status: 'succeeded' }), 'Done.'],
    [job({ status: 'cancelled' }), 'It was cancelled.'],
    [job({ status: 'failed', error: { code: 'x', message: 'It broke.' }, why: 'Running.' }), 'It broke.'],
    [job({}, { status: 'awaiting_upload' }), 'Waiting for the file to be uploaded.'],
    [
      job({ deadline_at: later }, { status: 'awaiting_upload' }),
      'Waiting for the file to be uploaded, until 2026-11-01T00:01:00.000Z.',
    ],
    [job({}, { status: 'queued', priority: 'low' }), 'Waiting for a worker of the low queue.'],
    [
      job({}, { status: 'queued', ahead: 0 }),
      'Waiting for a worker of the default queue; nothing of this workspace is before it.',
    ],
    [
      job({}, { status: 'queued', ahead: 1 }),
      'Waiting for a worker of the default queue, behind 1 document of this workspace.',
    ],
    [
      job({}, { status: 'queued', ahead: 1_000 }),
      'Waiting for a worker of the default queue, behind at least 1000 documents of this workspace.',
    ],
    [job({ status: 'running' }, { status: 'processing' }), 'Reading and splitting the file.'],
    [
      job({ status: 'running' }, { status: 'processing', chunks: 8, pending: 3 }),
      'Embedding: 5 of 8 chunks have their vector.',
    ],
    [
      job({ status: 'running' }, { status: 'processing', chunks: 8, pending: 3, waiting_until: later }),
      'Waiting for the model provider until 2026-11-01T00:01:00.000Z.',
    ],
    [
      job({ status: 'running' }, { status: 'processing', chunks: 8, pending: 3, waiting_until: now }),
      'Embedding: 5 of 8 chunks have their vector.',
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
    expect(explainJob(given, now)).toBe(sentence);
  });

  it('is said in every state there can be', () => {
    const types: JobType[] = [
      'ingest_document',
      'update_metadata_catalog',
      'batch_embed',
      'rebuild_index',
      'export',
      'erase',
      'delete',
    ];
    const statuses: JobStatus[] = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];
    const versions = ['awaiting_upload', 'queued', 'processing', 'ready', 'failed', 'cancelled', undefined];
    const texts = fc.constantFrom(null, '', 'A reason.');
    for (const type of types) {
      for (const status of statuses) {
        for (const version of versions) {
          const property = fc.property(
            fc.nat(2_000),
            fc.nat(2_000),
            fc.option(fc.nat(1_000)),
            fc.constantFrom(null, now, later),
            texts,
            texts,
            (chunks, pending, ahead, waiting_until, why, message) => {
              const error = message === null ? null : { code: 'x', message };
              const given = job(
                { type, status, why, error },
                version === undefined ? undefined : { status: version, chunks, pending, ahead, waiting_until },
              );
              expect(explainJob({ ...given, type }, now)).toMatch(/^[A-Z].*\.$/);
              const { done, total } = progressOf(given);
              expect(done).toBeGreaterThanOrEqual(0);
              if (total !== null) expect(done).toBeLessThanOrEqual(total);
            },
          );
          fc.assert(property, { numRuns: 20 });
        }
      }
    }
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

  it('of what ended early stays where it was', () => {
    const given = job({ status: 'cancelled' }, { status: 'cancelled', chunks: 8, embedded: 2, reused: 1 });
    expect(progressOf(given)).toEqual({ done: 3, total: 8, unit: 'chunks' });
  });

  it('of other work is what its row says', () => {
    const given = job({ progress_done: 3, progress_total: 4, progress_unit: 'documents' });
    expect(progressOf(given)).toEqual({ done: 3, total: 4, unit: 'documents' });
  });
});
