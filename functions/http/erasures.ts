import { hashApiKey } from '../../shared/access/api-key.ts';
import { notFound } from '../../shared/core/errors.ts';
import { publicId, tryParsePublicId } from '../../shared/core/ids.ts';
import { getJob, type Job } from '../../shared/jobs/jobs.ts';
import { remainingOfSubject } from '../../shared/privacy/erase-subject.ts';
import type { ErasureCertificate } from '../../shared/privacy/erasure.ts';
import { findErasure, findErasureOfKey, type KeptErasure } from '../../shared/privacy/find-erasure.ts';
import { objectPrefixes } from '../../shared/privacy/object-prefixes.ts';
import { remainingRows } from '../../shared/privacy/workspace-stores.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';
import { bearsCaller, credentialOf } from './authentication.ts';
import { ok, type Reply } from './route.ts';

/** Checks an erasure of a workspace, or of a subject in one. @param workspaceId null for the operator, who sees those of workspaces */
export async function erasureReply(services: Services, workspaceId: string | null, jobId: string): Promise<Reply> {
  const { database, clock } = services;
  const kept = await findErasure(database, jobId);
  if (kept && (workspaceId === null || workspaceId === kept.erased_workspace)) return keptReply(services, kept);
  if (workspaceId === null) throw notFound('job');
  const { job, subjectId } = await database.inWorkspace({ workspaceId }, async (db) => {
    const found = await getJob(db, workspaceId, jobId);
    const { rows } = await db.query<{ id: string | null }>(
      `SELECT input ->> 'subject_id' AS id FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2 AND type = 'erase'`,
      [workspaceId, jobId],
    );
    return { job: found, subjectId: rows[0]?.id };
  });
  if (!subjectId) throw notFound('job');
  return ok({
    id: publicId('job', jobId),
    object: 'erasure',
    status: statusOf(job),
    requested_at: job.created_at.toISOString(),
    finished_at: job.finished_at?.toISOString() ?? null,
    certificate: job.status === 'succeeded' ? job.result : null,
    remaining: await remainingOfSubject(database, workspaceId, subjectId),
    checked_at: clock.now().toISOString(),
  });
}

/** For the key that erased a workspace, which grants nothing else any more. For everybody else the erasure does not exist. */
export async function erasedReply(
  request: Received,
  parameters: Readonly<Record<string, string>>,
  services: Services,
): Promise<Reply | undefined> {
  const kept = await keptOf(request, parameters, services);
  return kept && keptReply(services, kept);
}

/** The job of an erasure, which has erased its own row. */
export async function erasedJobReply(
  request: Received,
  parameters: Readonly<Record<string, string>>,
  services: Services,
): Promise<Reply | undefined> {
  const kept = await keptOf(request, parameters, services);
  return kept && ok(jobOf(kept));
}

/** For a repeated request to erase a workspace, whose first response was lost. */
export async function begunErasureReply(
  request: Received,
  _: Readonly<Record<string, string>>,
  { database }: Services,
): Promise<Reply | undefined> {
  const key = keyOf(request);
  const kept = key === undefined ? undefined : await findErasureOfKey(database, hashApiKey(key));
  if (!kept) return undefined;
  const job = jobOf(kept);
  return { status: 202, headers: { location: `/v1/jobs/${job.id}` }, body: { job } };
}

/** The job as its row would show it: that row was erased with the workspace. */
function jobOf(kept: KeptErasure) {
  const done = Object.values(kept.certificate?.erased ?? kept.counts).reduce((sum, count) => sum + count, 0);
  return {
    id: publicId('job', kept.id),
    object: 'job',
    type: 'erase',
    status: kept.certificate ? 'succeeded' : 'running',
    document_id: null,
    version: null,
    progress: { done, total: kept.certificate ? done : null, unit: 'rows' },
    attempts: 1,
    why: kept.certificate ? 'Erased.' : 'Erasing objects and rows.',
    error: null,
    result: kept.certificate,
    created_at: kept.requested_at.toISOString(),
    started_at: kept.requested_at.toISOString(),
    finished_at: kept.finished_at?.toISOString() ?? null,
    deadline_at: null,
  };
}

async function keptOf(
  request: Received,
  parameters: Readonly<Record<string, string>>,
  { database }: Services,
): Promise<KeptErasure | undefined> {
  const jobId = tryParsePublicId('job', parameters.id ?? '');
  const key = keyOf(request);
  if (jobId === undefined || key === undefined) return undefined;
  const kept = await findErasure(database, jobId);
  return kept?.key_hash?.equals(hashApiKey(key)) ? kept : undefined;
}

function keyOf(request: Received): string | undefined {
  try {
    return bearsCaller(request) ? credentialOf(request) : undefined;
  } catch {
    return undefined;
  }
}

async function keptReply({ database, objects, clock }: Services, kept: KeptErasure): Promise<Reply> {
  const workspaceId = kept.erased_workspace;
  const remaining = await database.inWorkspace({ workspaceId }, (db) => remainingRows(db, workspaceId));
  let versions = 0;
  for (const prefix of objectPrefixes(workspaceId)) versions += await objects.countVersions(prefix);
  return ok({
    id: publicId('job', kept.id),
    object: 'erasure',
    status: kept.certificate ? 'succeeded' : 'running',
    requested_at: kept.requested_at.toISOString(),
    finished_at: kept.finished_at?.toISOString() ?? null,
    certificate: kept.certificate satisfies ErasureCertificate | null,
    remaining: versions > 0 ? { ...remaining, object_versions: versions } : remaining,
    checked_at: clock.now().toISOString(),
  });
}

function statusOf({ status }: Job): 'running' | 'succeeded' | 'failed' {
  if (status === 'succeeded' || status === 'failed') return status;
  return 'running';
}
