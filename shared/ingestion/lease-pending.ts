import type { Db } from '../core/database.ts';
import type { Priority } from '../core/work-queue.ts';
import type { EmbedderLimits } from '../models/embedder.ts';
import { RequestFill } from '../models/pack-requests.ts';
import { begunTooOften } from './give-up.ts';

/** A worker's pool: the pending embeddings of one workspace in one space, at one priority. */
export interface PendingPool {
  readonly workspaceId: string;
  readonly model: string;
  readonly priority: Priority;
  /** The space of the stage's fallback model: a chunk that has a vector there is searched there. */
  readonly fallback?: string | null;
}

/** A chunk to embed, held by this worker until the lease ends. */
export interface LeasedChunk {
  readonly documentId: string;
  readonly contentHash: Buffer;
  readonly tokens: number;
  /** UTF-8. */
  readonly bytes: number;
  readonly text: string;
  /** Whose lease it is: a late worker puts nothing back that is another's by now. */
  readonly leasedBy: string;
}

export interface LeaseRequest {
  /** Documents to be served first. */
  readonly documentIds: readonly string[];
  /** Only these, and nothing of the rest of the pool. */
  readonly alone?: boolean;
  /** 0: only look. */
  readonly maximumRequests: number;
  readonly leaseSeconds: number;
  readonly leasedBy: string;
  readonly limits: EmbedderLimits;
  /** The model is known to be asked for these, whatever its circuit says. */
  readonly isAdmitted?: boolean;
  /** Only chunks that have no vector in the fallback space yet. */
  readonly forFallback?: boolean;
}

export interface Lease {
  readonly chunks: readonly LeasedChunk[];
  /** The document that has waited longest of those left in the pool; undefined: nothing was left. */
  readonly oldestLeft: string | undefined;
  /** Nothing was taken because the model is not called: its circuit has to be asked. */
  readonly isOpen?: boolean;
}

interface Candidate {
  document_id: string;
  content_hash: Buffer;
  tokens: number;
  bytes: number;
}

/**
 * While ingestion is still adding chunks, a request that is not full waits for more, for as long as these allow. A small text that a
 * worker has begun with is split in a moment, however slow the machine is.
 */
const stalledAfter = '600 milliseconds';
const waitsAtMost = '5 seconds';
const smallTextBytes = 65_536;

/**
 * Takes chunks out of the pool: those of the documents asked for, then the oldest of the others, up to `maximumRequests` requests.
 * While the workspace is still being ingested only whole requests are taken: a bulk load then costs as few requests as the limits
 * allow, while a document that comes alone waits for nothing.
 */
export async function leasePending(db: Db, pool: PendingPool, request: LeaseRequest): Promise<Lease> {
  const look = await lookAt(db, pool, request);
  if (look.oldest === null) return { chunks: [], oldestLeft: undefined };
  if (look.isOpen && !request.isAdmitted) return { chunks: [], oldestLeft: look.oldest, isOpen: true };
  if (request.maximumRequests === 0 || (look.waits && !look.mayFill)) return { chunks: [], oldestLeft: look.oldest };
  const candidates = await findCandidates(db, pool, request);
  const { fitting, full } = fill(candidates, request);
  const taken = look.waits ? fitting.slice(0, full).flat() : fitting.flat();
  const chunks = taken.length > 0 ? await hold(db, pool, request, taken) : [];
  return { chunks, oldestLeft: oldestLeft(look.oldest, candidates, taken) };
}

/** Also counts what was no candidate: it waits for a message of its own. */
function oldestLeft(oldest: string, candidates: readonly Candidate[], taken: readonly Candidate[]): string | undefined {
  if (taken.length === 0) return oldest;
  const next = candidates[taken.length]?.document_id;
  return next ?? (taken.some((chunk) => chunk.document_id === oldest) ? undefined : oldest);
}

/** Documents in the order in which they are served when some of them may be what kills its workers. */
export async function leastTriedFirst(db: Db, pool: PendingPool, documentIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ document_id: string }>(
    `SELECT document_id FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) AND priority = $3 AND model = $4
     GROUP BY document_id ORDER BY max(tries), document_id`,
    [pool.workspaceId, documentIds, pool.priority, pool.model],
  );
  return rows.map((row) => row.document_id);
}

/** The chunk of the pool whose lease ends first, and in how many seconds; undefined: nothing is leased. */
export async function findHeld(
  db: Db,
  pool: PendingPool,
): Promise<{ readonly documentId: string; readonly seconds: number } | undefined> {
  const { rows } = await db.query<{ document_id: string; seconds: number }>(
    `SELECT document_id, ceil(extract(epoch FROM leased_until - now()))::int AS seconds FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND leased_until > now() AND leased_until < 'infinity'
     ORDER BY leased_until LIMIT 1`,
    [pool.workspaceId, pool.priority, pool.model],
  );
  const row = rows[0];
  return row && { documentId: row.document_id, seconds: row.seconds };
}

interface Look {
  /** The document that has waited longest; null: the pool is empty. */
  readonly oldest: string | null;
  /** More is coming, so that it pays to wait for it. */
  readonly waits: boolean;
  /** There may be enough for a whole request. */
  readonly mayFill: boolean;
  /** The model's circuit is open. */
  readonly isOpen: boolean;
}

/** English has up to 5 bytes a token, of which 4 are counted as one. */
const mostCountedPerToken = 1.25;

/**
 * Reads what the pool holds without locking it: nearly every nudge of a bulk load ends here. More is coming while versions are not
 * split yet, none has waited for long, and either chunks came a moment ago or a worker is at a small text.
 */
async function lookAt(db: Db, pool: PendingPool, { limits, forFallback }: LeaseRequest): Promise<Look> {
  const { rows } = await db.query<{
    oldest: string | null;
    inputs: number;
    tokens: number;
    coming: boolean | null;
    open: boolean | null;
  }>(
    `WITH free AS (
       SELECT document_id, token_count, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND (leased_until IS NULL OR leased_until <= now())
         AND ($5::text IS NULL OR fallback_model IS DISTINCT FROM $5)
       ORDER BY created_at LIMIT $4
     ), pool AS (
       SELECT (SELECT document_id FROM free ORDER BY created_at, document_id LIMIT 1) AS oldest,
         count(*)::int AS inputs, coalesce(sum(token_count), 0)::int AS tokens,
         max(created_at) > now() - interval '${stalledAfter}' AS grows, min(created_at) > now() - interval '${waitsAtMost}' AS fresh
       FROM free
     )
     SELECT oldest, inputs, tokens, (SELECT opened_at IS NOT NULL FROM dbrag.model_circuits WHERE model = $3) AS open,
       CASE WHEN fresh AND $2 <> 'critical' THEN EXISTS (
         SELECT FROM dbrag.document_versions
         WHERE workspace_id = $1 AND priority = $2 AND status IN ('queued', 'processing') AND content_hash IS NULL
           AND (grows OR (bytes <= ${smallTextBytes} AND started_at > now() - interval '${waitsAtMost}'))) END AS coming
     FROM pool`,
    [pool.workspaceId, pool.priority, pool.model, limits.maximumInputs, forFallback ? pool.fallback : null],
  );
  const row = rows[0];
  const tokens = (row?.tokens ?? 0) * mostCountedPerToken;
  return {
    oldest: row?.oldest ?? null,
    waits: (row?.coming ?? false) && !forFallback,
    isOpen: row?.open ?? false,
    mayFill: (row?.inputs ?? 0) >= limits.maximumInputs || tokens >= limits.maximumTokensPerRequest,
  };
}

/**
 * A text that was leased this often in vain is leased only for its own message: it may be crashing its workers. The size of each text is a
 * scalar subquery, one look at the index whatever the planner knows of the pool: as a join, 6,000 of them took half a second.
 */
async function findCandidates(db: Db, pool: PendingPool, request: LeaseRequest): Promise<readonly Candidate[]> {
  // One more than fits, to see that a request is full.
  const limit = request.maximumRequests * request.limits.maximumInputs + 1;
  const { rows } = await db.query<Candidate>(
    `WITH free AS (
       SELECT document_id, content_hash, token_count AS tokens, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND (leased_until IS NULL OR leased_until <= now())
         AND tries < ${begunTooOften} AND NOT $6 AND ($7::text IS NULL OR fallback_model IS DISTINCT FROM $7)
       ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED
     ), own AS (
       SELECT document_id, content_hash, token_count AS tokens, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND document_id = ANY($5::uuid[]) AND priority = $2 AND model = $3
         AND (leased_until IS NULL OR leased_until <= now()) AND ($7::text IS NULL OR fallback_model IS DISTINCT FROM $7)
       ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED
     )
     SELECT document_id, content_hash, tokens, bytes
     FROM (
       SELECT p.*, (SELECT octet_length(c.text) FROM dbrag.chunks c
         WHERE c.workspace_id = $1 AND c.document_id = p.document_id AND c.content_hash = p.content_hash) AS bytes
       FROM (SELECT *, 0 AS turn FROM own UNION ALL SELECT *, 1 FROM free WHERE document_id <> ALL($5::uuid[])) p OFFSET 0) sized
     WHERE bytes IS NOT NULL ORDER BY turn, created_at, document_id LIMIT $4`,
    [
      pool.workspaceId,
      pool.priority,
      pool.model,
      limit,
      request.documentIds,
      request.alone ?? false,
      request.forFallback ? pool.fallback : null,
    ],
  );
  return rows;
}

/** @returns the candidates by request, and how many of the requests are full: nothing more fits behind them */
function fill(
  candidates: readonly Candidate[],
  { limits, maximumRequests }: LeaseRequest,
): { readonly fitting: readonly Candidate[][]; readonly full: number } {
  const fitting: Candidate[][] = [[]];
  let open = new RequestFill(limits);
  for (const candidate of candidates) {
    if (!open.add(candidate)) {
      if (fitting.length === maximumRequests) return { fitting, full: maximumRequests };
      fitting.push([]);
      open = new RequestFill(limits);
      // A text that fits into no request is left to the packing, which reports it.
      open.add(candidate);
    }
    fitting.at(-1)?.push(candidate);
  }
  return { fitting, full: fitting.length - 1 };
}

async function hold(
  db: Db,
  pool: PendingPool,
  request: LeaseRequest,
  taken: readonly Candidate[],
): Promise<readonly LeasedChunk[]> {
  const { rows } = await db.query<Candidate & { text: string }>(
    `WITH taken AS (
       SELECT * FROM unnest($3::uuid[], $4::bytea[]) AS t (document_id, content_hash)
     ), held AS (
       UPDATE dbrag.pending_embeddings p
       SET leased_until = now() + make_interval(secs => $5), leased_by = $6, tries = tries + 1
       FROM taken WHERE p.workspace_id = $1 AND p.document_id = taken.document_id AND p.content_hash = taken.content_hash AND p.model = $2
     )
     SELECT c.document_id, c.content_hash, c.token_count AS tokens, octet_length(c.text) AS bytes, c.text
     FROM taken JOIN dbrag.chunks c
       ON c.workspace_id = $1 AND c.document_id = taken.document_id AND c.content_hash = taken.content_hash`,
    [
      pool.workspaceId,
      pool.model,
      taken.map((candidate) => candidate.document_id),
      taken.map((candidate) => candidate.content_hash),
      request.leaseSeconds,
      request.leasedBy,
    ],
  );
  return rows.map((row) => ({
    documentId: row.document_id,
    contentHash: row.content_hash,
    tokens: row.tokens,
    bytes: row.bytes,
    text: row.text,
    leasedBy: request.leasedBy,
  }));
}
