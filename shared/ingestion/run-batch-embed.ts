import type { Database, Db } from '../core/database.ts';
import { timeForSteps } from '../core/time-left.ts';
import { sendNudges, type WorkQueue } from '../core/work-queue.ts';
import { finishJob, startJob } from '../jobs/finish-job.ts';
import { batchEmbedNudge } from './batch-embed.ts';
import { nudgeEmbedding } from './embed-chunks.message.ts';
import type { SearchedSpaces } from './finish-versions.ts';
import { lockDocuments } from './set-version-status.ts';

export interface BatchEmbedPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly spaces: SearchedSpaces;
}

/** Documents of one transaction: they stay locked until its end. */
const documentsAtOnce = 50;
/** How often the job looks how far the workers are: more seldom the more there is to do. */
const shortestLookSeconds = 2;
const longestLookSeconds = 60;
const chunksPerSecond = 200;

interface Walk {
  readonly collectionId: string;
  /** The last document visited. */
  readonly after: string | null;
  readonly isWalked: boolean;
  readonly found: number;
}

/**
 * Runs a `batch_embed` job, one look at a time: first it notes what of each document is not in the first model's space, slice by slice
 * with its place kept, then it looks on while the workers buy that. Each look ends with a message for the next, and after a crash the
 * sweeper sends one.
 */
export async function runBatchEmbed(
  ports: BatchEmbedPorts,
  workspaceId: string,
  jobId: string,
  remainingTime: () => number,
): Promise<void> {
  const scope = { workspaceId };
  const hasTime = timeForSteps(remainingTime);
  let walk = await ports.database.inWorkspace(scope, (db) => resume(db, workspaceId, jobId));
  if (!walk) return;
  while (!walk.isWalked && hasTime()) {
    const current: Walk = walk;
    const slice = await ports.database.inWorkspace(scope, (db) =>
      noteSlice(db, workspaceId, jobId, ports.spaces, current),
    );
    if (slice.first) await nudgeEmbedding(ports.queue, 'low', { workspaceId, documentId: slice.first });
    walk = slice.walk;
  }
  const done = walk;
  const left = await ports.database.inWorkspace(scope, (db) => look(db, workspaceId, jobId, ports.spaces, done));
  if (left === 'done') return;
  const seconds = walk.isWalked ? Math.max(shortestLookSeconds, Math.ceil(left / chunksPerSecond)) : 0;
  await sendNudges(ports.queue, [batchEmbedNudge(workspaceId, jobId, Math.min(longestLookSeconds, seconds))]);
}

/** @returns undefined when the job has ended */
async function resume(db: Db, workspaceId: string, jobId: string): Promise<Walk | undefined> {
  const { rows } = await db.query<{
    status: string;
    collection_id: string;
    input: { after?: string; walked?: boolean; found?: number };
  }>(
    `UPDATE dbrag.jobs SET deadline_at = greatest(deadline_at, now() + interval '1 hour'), nudged_at = now(), nudges = 0
     WHERE workspace_id = $1 AND id = $2 AND type = 'batch_embed' AND status IN ('queued', 'running') RETURNING status, collection_id, input`,
    [workspaceId, jobId],
  );
  const row = rows[0];
  if (!row) return undefined;
  if (row.status === 'queued')
    await startJob(db, workspaceId, jobId, 'batch_embed', 'Looking for chunks that have no vector of the model.');
  const { after = null, walked = false, found = 0 } = row.input;
  return { collectionId: row.collection_id, after, isWalked: walked, found };
}

/** Records the pending embeddings of the next documents and the position of the walk, in one transaction. */
async function noteSlice(
  db: Db,
  workspaceId: string,
  jobId: string,
  spaces: SearchedSpaces,
  walk: Walk,
): Promise<{ readonly walk: Walk; readonly first: string | undefined }> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.documents
     WHERE workspace_id = $1 AND collection_id = $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4`,
    [workspaceId, walk.collectionId, walk.after, documentsAtOnce],
  );
  let found = walk.found;
  let first: string | undefined;
  for (const documentId of await lockDocuments(
    db,
    workspaceId,
    rows.map((row) => row.id),
  )) {
    const missing = await noteMissing(db, workspaceId, documentId, spaces);
    if (missing > 0) first ??= documentId;
    found += missing;
  }
  const after = rows.at(-1)?.id ?? walk.after;
  const isWalked = rows.length < documentsAtOnce;
  await db.query(
    `UPDATE dbrag.jobs SET input = $3, progress_unit = 'chunks', progress_total = CASE WHEN $4 THEN $5::bigint END
     WHERE workspace_id = $1 AND id = $2 AND status = 'running'`,
    [workspaceId, jobId, { after, walked: isWalked, found }, isWalked, found],
  );
  return { walk: { ...walk, after, isWalked, found }, first };
}

/**
 * Look-ups as scalar sub-queries: as joins they are planned by statistics that may know nothing of the rows.
 * @returns how many chunks of the live version have to be embedded
 */
async function noteMissing(
  db: Db,
  workspaceId: string,
  documentId: string,
  { model, fallback }: SearchedSpaces,
): Promise<number> {
  const { rows } = await db.query<{ missing: number }>(
    `WITH placed AS MATERIALIZED (
       SELECT DISTINCT p.content_hash, p.collection_id FROM dbrag.placements p
       WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.version = (
         SELECT d.live_version FROM dbrag.documents d WHERE d.workspace_id = $1 AND d.id = $2)
     ), missing AS MATERIALIZED (
       SELECT content_hash, collection_id FROM placed
       WHERE (SELECT true FROM dbrag.embeddings e
         WHERE e.workspace_id = $1 AND e.document_id = $2 AND e.content_hash = placed.content_hash AND e.model || '' = $3) IS NULL
     ), noted AS (
       INSERT INTO dbrag.pending_embeddings AS b
         (workspace_id, document_id, content_hash, model, collection_id, priority, fallback_model, token_count)
       SELECT $1, $2, content_hash, $3, collection_id, 'low',
         (SELECT e.model FROM dbrag.embeddings e
          WHERE e.workspace_id = $1 AND e.document_id = $2 AND e.content_hash = missing.content_hash AND e.model || '' = $4),
         (SELECT c.token_count FROM dbrag.chunks c
          WHERE c.workspace_id = $1 AND c.document_id = $2 AND c.content_hash = missing.content_hash)
       FROM missing
       ON CONFLICT (workspace_id, document_id, content_hash, model) DO UPDATE
         SET fallback_model = excluded.fallback_model, tries = 0, failures = least(b.failures, 1),
           leased_until = CASE WHEN b.leased_until < 'infinity' THEN b.leased_until END
     )
     SELECT count(*)::int AS missing FROM missing`,
    [workspaceId, documentId, model, fallback ?? null],
  );
  return rows[0]?.missing ?? 0;
}

/** Records the progress. @returns how many chunks still have to be embedded, or that the job is done */
async function look(
  db: Db,
  workspaceId: string,
  jobId: string,
  { model }: SearchedSpaces,
  { collectionId, isWalked, found }: Walk,
): Promise<number | 'done'> {
  const { rows } = await db.query<{ pending: number; refused: number; reason: string | null }>(
    `SELECT count(*) FILTER (WHERE leased_until IS DISTINCT FROM 'infinity')::int AS pending,
       count(*) FILTER (WHERE leased_until = 'infinity')::int AS refused, (SELECT reason FROM dbrag.model_circuits WHERE model = $3) AS reason
     FROM dbrag.pending_embeddings WHERE workspace_id = $1 AND collection_id = $2 AND model = $3`,
    [workspaceId, collectionId, model],
  );
  const { pending = 0, refused = 0, reason = null } = rows[0] ?? {};
  if (isWalked && pending === 0) {
    await db.query('UPDATE dbrag.jobs SET progress_done = progress_total WHERE workspace_id = $1 AND id = $2', [
      workspaceId,
      jobId,
    ]);
    await finishJob(db, workspaceId, jobId, {
      status: 'succeeded',
      result: { chunks: found, ...(refused > 0 ? { refused } : {}) },
      why:
        refused > 0
          ? `Done: of ${found} chunks that were not in the space of ${model}, it refused ${refused}; the others are there now.`
          : `Done: ${found} chunks were not in the space of ${model}, and are now.`,
    });
    return 'done';
  }
  const done = Math.max(0, found - pending);
  const why = isWalked ? `Embedding: ${done} of ${found} chunks have their vector.` : `Found ${found} chunks so far.`;
  await db.query(
    `UPDATE dbrag.jobs SET progress_done = greatest(progress_done, $3), why = $4
     WHERE workspace_id = $1 AND id = $2 AND status = 'running'`,
    [workspaceId, jobId, done, reason ? `${reason} The job waits, and goes on by itself.` : why],
  );
  return pending;
}
