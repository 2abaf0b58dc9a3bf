import type { Db } from '../core/database.ts';
import { RequestFill } from '../models/pack-requests.ts';
import { type Candidate, findCandidates, type LeaseRequest } from './find-candidates.ts';
import { lookAtPool } from './look-at-pool.ts';
import type { PendingPool } from './pending-pool.ts';

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

export interface Lease {
  readonly chunks: readonly LeasedChunk[];
  /** The document that has waited longest of those left in the pool; undefined: nothing was left. */
  readonly oldestLeft: string | undefined;
  /** Nothing was taken because the model is not called: its circuit has to be asked. */
  readonly isOpen?: boolean;
}

/**
 * Takes chunks out of the pool: those of the documents asked for, then the oldest of the others, up to `maximumRequests` requests.
 * While the workspace is still being ingested only whole requests are taken: a bulk load then costs as few requests as the limits
 * allow, while a document that comes alone waits for nothing.
 */
export async function leasePending(db: Db, pool: PendingPool, request: LeaseRequest): Promise<Lease> {
  const look = await lookAtPool(db, pool, request);
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

/** Leases these chunks, which the caller has locked. */
export async function hold(
  db: Db,
  pool: PendingPool,
  request: Pick<LeaseRequest, 'leaseSeconds' | 'leasedBy'>,
  taken: readonly Pick<Candidate, 'document_id' | 'content_hash'>[],
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
