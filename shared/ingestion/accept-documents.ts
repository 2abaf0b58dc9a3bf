import type { Db } from '../core/database.ts';
import { DbragError, notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { noQuotas, type WorkspaceQuotas } from '../limits/quotas.ts';
import {
  type AcceptedDocument,
  ingestionDeadlineMilliseconds,
  type NewDocument,
  queuedJob,
  uploadDeadlineMilliseconds,
} from './accepted-document.ts';
import { refuseBeyondQuotas } from './admit-documents.ts';
import type { Document } from './documents.ts';
import { supersedeVersions } from './supersede-versions.ts';

export interface NewDocuments {
  readonly workspaceId: string;
  readonly createdBy: string;
  readonly now: Date;
  readonly status: 'queued' | 'awaiting_upload';
  readonly documents: readonly NewDocument[];
  /** None if not given. */
  readonly quotas?: WorkspaceQuotas;
}

/** The outcome of one: `not_found` for an unknown collection, `conflict` while the document of its source is being deleted, `quota_exceeded`. */
export type Acceptance = AcceptedDocument | DbragError;

/**
 * Accepts documents: writes the document, version and job of each, in one statement for all (a bulk load is bound by round trips).
 * Workers read these rows; the message is only a nudge. A version that is still under way is overtaken. Two posts of the same source
 * become two versions and never two documents, in the order of the list if both are in it.
 * @returns the outcome of each, in the order of the list
 */
export async function acceptDocuments(db: Db, input: NewDocuments): Promise<readonly Acceptance[]> {
  const accepted = new Array<Acceptance>(input.documents.length);
  const { workspaceId, documents, quotas = noQuotas, now } = input;
  const refused = await refuseBeyondQuotas(db, workspaceId, documents, quotas, now);
  for (const [at, refusal] of refused) accepted[at] = refusal;
  await lockKnownSources(db, input);
  for (const places of distinctSources(documents)) {
    const round = places.filter((at) => !refused.has(at));
    if (round.length === 0) continue;
    const outcomes = await acceptRound(
      db,
      input,
      round.map((at) => input.documents[at] as NewDocument),
    );
    for (const [i, at] of round.entries()) accepted[at] = outcomes[i] as Acceptance;
  }
  return accepted;
}

/** Positions in the list, grouped into rounds in which no source occurs twice: one statement may touch a row only once. */
function distinctSources(documents: readonly NewDocument[]): number[][] {
  const rounds: number[][] = [];
  const seen = new Map<string, number>();
  for (const [at, { collectionId, sourceUri }] of documents.entries()) {
    const source = `${collectionId} ${sourceUri}`;
    const round = sourceUri === null ? 0 : (seen.get(source) ?? 0);
    if (sourceUri !== null) seen.set(source, round + 1);
    const places = rounds[round];
    if (places) places.push(at);
    else rounds.push([at]);
  }
  return rounds;
}

/**
 * Locks the documents by id, which is the order everywhere; the statement itself would lock them in the order of their sources. Each
 * source is a scalar sub-query, which is one index look-up. A join was planned, on tables that were not analysed since a load began, as a
 * scan of all documents of the workspace for each source.
 */
async function lockKnownSources(db: Db, { workspaceId, documents }: NewDocuments): Promise<void> {
  const known = documents.filter(({ sourceUri }) => sourceUri !== null);
  if (known.length < 2) return;
  await db.query(
    `SELECT FROM dbrag.documents WHERE workspace_id = $1 AND id = ANY(ARRAY(
       SELECT (SELECT d.id FROM dbrag.documents d
         WHERE d.workspace_id = $1 AND d.collection_id = s.collection_id AND d.source_uri = s.source_uri)
       FROM unnest($2::uuid[], $3::text[]) AS s (collection_id, source_uri)))
     ORDER BY id FOR UPDATE`,
    [workspaceId, known.map(({ collectionId }) => collectionId), known.map(({ sourceUri }) => sourceUri)],
  );
}

/** Sorts new sources, so that two loads of the same ones wait for each other instead of deadlocking. */
const statement = `
  WITH input AS (
    SELECT * FROM jsonb_to_recordset($2::jsonb) AS i (n int, document_id uuid, job_id uuid, collection_id uuid, name text, source_uri text,
      content_type text, bytes bigint, metadata jsonb, priority text, s3_key text, s3_version_id text)
  ), known AS (
    SELECT i.*, c.chunking FROM input i
    JOIN dbrag.collections c ON c.workspace_id = $1 AND c.id = i.collection_id AND c.status = 'active'
  ), document AS (
    INSERT INTO dbrag.documents AS d
      (workspace_id, id, collection_id, name, source_uri, content_type, bytes, metadata, status, version, s3_key, deadline_at)
    SELECT $1, k.document_id, k.collection_id, k.name, k.source_uri, k.content_type, k.bytes, coalesce(k.metadata, '{}'::jsonb), $3, 1, k.s3_key, $4
    FROM known k ORDER BY k.collection_id, k.source_uri, k.n
    ON CONFLICT (workspace_id, collection_id, source_uri) DO UPDATE
      SET version = d.version + 1, name = excluded.name, content_type = excluded.content_type, bytes = excluded.bytes,
          metadata = coalesce((SELECT i.metadata FROM input i WHERE i.document_id = excluded.id), d.metadata),
          s3_key = excluded.s3_key, error = NULL, deadline_at = excluded.deadline_at,
          status = CASE WHEN d.live_version IS NULL THEN excluded.status ELSE 'ready' END, updated_at = now()
      WHERE d.status <> 'deleting'
    RETURNING *
  ), accepted AS (
    SELECT d.*, k.n, k.job_id, k.priority, k.s3_version_id, k.chunking FROM document d
    JOIN known k ON k.collection_id = d.collection_id AND coalesce(k.source_uri, k.document_id::text) = coalesce(d.source_uri, d.id::text)
  ), version AS (
    INSERT INTO dbrag.document_versions
      (workspace_id, document_id, version, collection_id, priority, status, content_type, bytes, s3_key, s3_version_id, splitter, job_id, deadline_at)
    SELECT $1, a.id, a.version, a.collection_id, a.priority, $3, a.content_type, a.bytes, a.s3_key, a.s3_version_id, a.chunking, a.job_id, $4
    FROM accepted a
  ), job AS (
    INSERT INTO dbrag.jobs (workspace_id, id, type, collection_id, document_id, version, priority, created_by, deadline_at)
    SELECT $1, a.job_id, 'ingest_document', a.collection_id, a.id, a.version, a.priority, $5, $4 FROM accepted a
  )
  SELECT i.job_id, EXISTS (SELECT FROM known k WHERE k.n = i.n) AS known, a.id, a.collection_id, a.name, a.source_uri, a.content_type,
         a.bytes::float8 AS bytes, a.metadata, a.status, a.version, a.live_version, a.error, 0 AS chunks, 0 AS embedded, 0 AS reused,
         a.created_at, a.updated_at
  FROM input i LEFT JOIN accepted a ON a.n = i.n ORDER BY i.n`;

type AcceptedRow = Document & { readonly known: boolean; readonly job_id: string };

async function acceptRound(
  db: Db,
  { workspaceId, createdBy, now, status }: NewDocuments,
  documents: readonly NewDocument[],
): Promise<Acceptance[]> {
  const time = status === 'queued' ? ingestionDeadlineMilliseconds : uploadDeadlineMilliseconds;
  const deadline = new Date(now.getTime() + time);
  const input = documents.map((document, n) => ({
    n,
    document_id: document.documentId ?? newUuid(),
    job_id: newUuid(),
    collection_id: document.collectionId,
    name: document.name,
    source_uri: document.sourceUri,
    content_type: document.contentType,
    bytes: document.bytes,
    metadata: document.metadata ?? null,
    priority: document.priority,
    s3_key: document.object.key,
    s3_version_id: document.object.versionId,
  }));
  const { rows } = await db.query<AcceptedRow>(statement, [
    workspaceId,
    JSON.stringify(input),
    status,
    deadline,
    createdBy,
  ]);
  const overtaking = rows.filter(({ id, version }) => id !== null && version > 1);
  await supersedeVersions(
    db,
    workspaceId,
    overtaking.map(({ id: documentId, version }) => ({ documentId, version })),
  );
  const acceptances: Acceptance[] = [];
  for (const [n, { known, job_id: jobId, ...document }] of rows.entries()) {
    if (!known) acceptances.push(notFound('collection'));
    else if (document.id === null) acceptances.push(beingDeleted());
    else {
      const job = queuedJob(jobId, document, { status, priority: (documents[n] as NewDocument).priority }, deadline);
      acceptances.push({ document, job, attempt: 1 });
    }
  }
  return acceptances;
}

function beingDeleted(): DbragError {
  return new DbragError('conflict', 'The document of this source is being deleted; try again when it is gone.', {
    retryAfterSeconds: 5,
  });
}
