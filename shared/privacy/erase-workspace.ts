import { recordAudit, systemChain } from '../access/audit.ts';
import type { Database, Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { publicId } from '../core/ids.ts';
import { sendNudges } from '../core/work-queue.ts';
import { markDocumentsDeleting } from '../ingestion/delete-collection.ts';
import { restartJob } from '../jobs/finish-job.ts';
import { createJob } from '../jobs/jobs.ts';
import {
  certificateOf,
  type ErasurePorts,
  erasureDeadlineMilliseconds,
  erasureNudge,
  type HasTime,
} from './erasure.ts';
import { objectPrefixes } from './object-prefixes.ts';
import { deleteRows, remainingRows, rowStores, rowsAtOnce } from './workspace-stores.ts';

/** Longer than a signed URL works: until then, somebody may still put an object there. */
const settleSeconds = 900;
const foreignKeyViolation = '23503';

/**
 * Closes a workspace at once and leaves the erasure of its content to a job. From then on its keys are refused, except that the key
 * that asked can read the job.
 * @param keyHash SHA-256 of the key that asked; null where it was no key
 * @returns UUID of the job, also if it was started before
 */
export async function beginWorkspaceErasure(
  db: Db,
  now: Date,
  { workspaceId, actor, keyHash }: { workspaceId: string; actor: string; keyHash: Buffer | null },
): Promise<string> {
  const { rows } = await db.query<{ was: string }>(
    `UPDATE dbrag.workspaces w SET status = 'deleting', generation = w.generation + 1, updated_at = now()
     FROM (SELECT id, status FROM dbrag.workspaces WHERE id = $1 FOR UPDATE) old WHERE w.id = old.id RETURNING old.status AS was`,
    [workspaceId],
  );
  if (!rows[0]) throw notFound('workspace');
  if (rows[0].was === 'deleting') {
    const begun = await db.query<{ id: string }>('SELECT id FROM dbrag.erasures WHERE erased_workspace = $1', [
      workspaceId,
    ]);
    if (begun.rows[0]) return begun.rows[0].id;
  }
  const deadline = new Date(now.getTime() + erasureDeadlineMilliseconds);
  const jobId = await createJob(db, workspaceId, {
    type: 'erase',
    input: { scope: 'workspace' },
    createdBy: actor,
    deadline,
  });
  await db.query('INSERT INTO dbrag.erasures (id, erased_workspace, key_hash, requested_by) VALUES ($1, $2, $3, $4)', [
    jobId,
    workspaceId,
    keyHash,
    actor,
  ]);
  return jobId;
}

/**
 * Erases some more of a workspace: objects first, then rows, the workspace itself last, so that after a crash at any point the next run
 * finds what is left.
 * @returns false when there is more to do
 */
export async function eraseWorkspace(
  ports: ErasurePorts,
  workspaceId: string,
  jobId: string,
  hasTime: HasTime,
): Promise<boolean> {
  const { database, objects, failpoint } = ports;
  await stopIngestion(database, workspaceId);
  for (const prefix of objectPrefixes(workspaceId)) {
    const removed = await objects.purge(prefix);
    await database.inSystem((db) => addCounts(db, jobId, { object_versions: removed }));
    if (!hasTime()) return false;
  }
  await failpoint.reach('erase.after_objects');
  await eraseSecrets(ports, workspaceId, jobId);
  const cached = await ports.forgetCached(workspaceId);
  await database.inSystem((db) => addCounts(db, jobId, { cache_entries: cached }));
  try {
    if (!(await eraseRows(database, workspaceId, jobId, hasTime))) return false;
    await failpoint.reach('erase.before_last_row');
    if (!(await database.inWorkspace({ workspaceId }, (db) => eraseLast(db, ports, workspaceId, jobId)))) return false;
  } catch (error) {
    // A transaction that began before the erasure wrote something while its rows left: it is found by another run.
    if (codeOf(error) === foreignKeyViolation) return false;
    throw error;
  }
  await sendNudges(ports.queue, [erasureNudge(workspaceId, jobId, settleSeconds)]);
  return true;
}

/** Every commit of an ingestion asks for a document that is not being deleted. */
async function stopIngestion(database: Database, workspaceId: string): Promise<void> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ id: string }>(
      `UPDATE dbrag.collections SET status = 'deleting', generation = generation + 1 WHERE workspace_id = $1 RETURNING id`,
      [workspaceId],
    ),
  );
  const deadline = new Date(Date.now() + erasureDeadlineMilliseconds);
  for (const { id } of rows)
    await database.inWorkspace({ workspaceId }, (db) => markDocumentsDeleting(db, workspaceId, id, deadline));
}

/** The secret first, its note afterwards: a note without a secret is harmless, a secret without a note is never found. */
async function eraseSecrets({ database, passwords }: ErasurePorts, workspaceId: string, jobId: string): Promise<void> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ name: string }>('SELECT name FROM dbrag.connection_secrets WHERE workspace_id = $1', [workspaceId]),
  );
  for (const { name } of rows) {
    await passwords.remove(name);
    await database.inWorkspace({ workspaceId }, async (db) => {
      await db.query('DELETE FROM dbrag.connection_secrets WHERE workspace_id = $1 AND name = $2', [workspaceId, name]);
      await addCounts(db, jobId, { secrets: 1 });
    });
  }
}

async function eraseRows(database: Database, workspaceId: string, jobId: string, hasTime: HasTime): Promise<boolean> {
  for (const store of rowStores) {
    for (;;) {
      const count = await database.inWorkspace({ workspaceId }, async (db) => {
        const deleted = await deleteRows(db, workspaceId, store);
        if (deleted > 0) await addCounts(db, jobId, { [store.table]: deleted });
        return deleted;
      });
      if (!hasTime()) return false;
      if (count < rowsAtOnce) break;
    }
  }
  return true;
}

async function addCounts(db: Db, jobId: string, counts: Readonly<Record<string, number>>): Promise<void> {
  for (const [store, count] of Object.entries(counts)) {
    await db.query(
      `UPDATE dbrag.erasures SET counts = counts || jsonb_build_object($2::text, coalesce((counts ->> $2)::bigint, 0) + $3::bigint)
       WHERE id = $1 AND finished_at IS NULL`,
      [jobId, store, count],
    );
  }
}

const earlierTables = rowStores.map(({ table }) => table);

/**
 * The system's chain keeps that there was a workspace and that it is gone; nothing else does but the certificate. Not every table refers to the
 * workspace: what a worker wrote into one behind the erasure would outlive it, and keeps it from ending.
 * @returns false: something was written meanwhile, which another run finds
 */
async function eraseLast(db: Db, ports: ErasurePorts, workspaceId: string, jobId: string): Promise<boolean> {
  if (Object.keys(await remainingRows(db, workspaceId, earlierTables)).length > 0) return false;
  const { count: jobs } = await db.query('DELETE FROM dbrag.jobs WHERE workspace_id = $1', [workspaceId]);
  await addCounts(db, jobId, { jobs, workspaces: 1 });
  await db.query('DELETE FROM dbrag.corpus_statistics WHERE workspace_id = $1', [workspaceId]);
  await db.query('DELETE FROM dbrag.audit_chains WHERE workspace_id = $1', [workspaceId]);
  await db.query('DELETE FROM dbrag.workspaces WHERE id = $1', [workspaceId]);
  const prefix = `uploads/${publicId('workspace', workspaceId)}/`;
  await db.query('DELETE FROM dbrag.rejected_uploads WHERE starts_with(s3_key, $1)', [prefix]);
  const { rows } = await db.query<{ counts: Record<string, number>; requested_by: string }>(
    'SELECT counts, requested_by FROM dbrag.erasures WHERE id = $1 FOR UPDATE',
    [jobId],
  );
  const erased = rows[0]?.counts ?? {};
  const certificate = certificateOf(ports, { workspaceId, subjectId: null, jobId, erased });
  await db.query(
    'UPDATE dbrag.erasures SET certificate = $2, finished_at = now() WHERE id = $1 AND finished_at IS NULL',
    [jobId, certificate],
  );
  await db.query('SELECT dbrag.begin_workspace($1)', [systemChain]);
  const detail = { workspace: workspaceId, erased };
  await recordAudit(
    db,
    systemChain,
    rows[0]?.requested_by ?? 'unknown',
    { requestId: jobId, ip: null, userAgent: null },
    [
      {
        action: 'workspace.erased',
        resourceType: 'workspace',
        resourceId: publicId('workspace', workspaceId),
        detail,
      },
    ],
  );
  return true;
}

/**
 * Looks once more through where the objects of an erased workspace lay: a signed URL, or a request that was under way, may have put one
 * there after the end.
 */
export async function settleErasure(
  { database, objects }: Pick<ErasurePorts, 'database' | 'objects'>,
  workspaceId: string,
): Promise<void> {
  for (const prefix of objectPrefixes(workspaceId)) await objects.purge(prefix);
  await database.inSystem(async (db) => {
    await db.query('DELETE FROM dbrag.rejected_uploads WHERE starts_with(s3_key, $1)', [
      `uploads/${publicId('workspace', workspaceId)}/`,
    ]);
    await db.query(
      `UPDATE dbrag.erasures SET settled_at = now()
       WHERE erased_workspace = $1 AND finished_at < now() - make_interval(secs => $2) AND settled_at IS NULL`,
      [workspaceId, settleSeconds],
    );
  });
}

/** Erasures whose job was given up are begun again, and those that have ended are settled: what was acknowledged must come true. */
export async function resumeErasures(ports: ErasurePorts): Promise<void> {
  const { rows } = await ports.database.inSystem((db) =>
    db.query<{ id: string; erased_workspace: string; finished: boolean }>(
      `SELECT id, erased_workspace, finished_at IS NOT NULL AS finished FROM dbrag.erasures
       WHERE settled_at IS NULL ORDER BY requested_at LIMIT 500`,
    ),
  );
  const deadline = new Date(ports.clock.now().getTime() + erasureDeadlineMilliseconds);
  for (const { id, erased_workspace: workspaceId, finished } of rows) {
    if (finished) {
      await settleErasure(ports, workspaceId);
      continue;
    }
    await ports.database.inWorkspace({ workspaceId }, (db) => restartJob(db, workspaceId, id, deadline));
    await sendNudges(ports.queue, [erasureNudge(workspaceId, id)]);
  }
}

const codeOf = (error: unknown): unknown =>
  (error as { code?: unknown }).code === foreignKeyViolation
    ? foreignKeyViolation
    : (error as { cause?: { code?: unknown } }).cause?.code;
