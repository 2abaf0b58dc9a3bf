import type pg from 'pg';
import type { ObjectStore } from '../../shared/core/object-store.ts';
import {
  contentStatements,
  type Narrowing,
  statementOfAll,
  structureStatements,
} from '../../shared/ingestion/integrity-statements.ts';

/** What must hold of all content once nothing is under way and nothing is broken. A row is a fault; none is a pass. */
export interface Fault {
  /** Which of the invariants: I1 nothing lost, I2 nothing doubled or missing, I8 no orphans, and so on. */
  readonly invariant: string;
  /** The row, object or key that breaks it. */
  readonly subject: string;
}

export interface DatabaseCheck {
  /** Only this workspace (UUID); undefined: all. */
  readonly workspaceId?: string;
  /** False while work is still under way: then only what must hold at every moment is looked at. */
  readonly quiescent?: boolean;
}

/** Each query gives (invariant, subject) and reads `$1` as the workspace, or null for all. */
/** What the nightly pass looks at too, here of all rows at once. */
const ofWorkspace: Narrowing = (workspace) => (workspace === null ? 'true' : `($1::uuid IS NULL OR ${workspace} = $1)`);
const always: readonly string[] = [...structureStatements(ofWorkspace), ...contentStatements(ofWorkspace)];

const atRest: readonly string[] = [
  `SELECT 'I1 every version has ended', v.document_id || ' v' || v.version || ' ' || v.status FROM dbrag.document_versions v
   WHERE ($1::uuid IS NULL OR v.workspace_id = $1) AND v.status NOT IN ('ready', 'failed', 'cancelled')`,
  `SELECT 'I1 every job has ended', j.type || ' ' || j.id || ' ' || j.status FROM dbrag.jobs j
   WHERE ($1::uuid IS NULL OR j.workspace_id = $1) AND j.status IN ('queued', 'running')`,
  `SELECT 'I1 a version and its job say the same', v.document_id || ' v' || v.version || ' ' || v.status || ' ' || j.status
   FROM dbrag.document_versions v JOIN dbrag.jobs j ON j.workspace_id = v.workspace_id AND j.id = v.job_id
   WHERE ($1::uuid IS NULL OR v.workspace_id = $1)
     AND (v.status, j.status) NOT IN (('ready', 'succeeded'), ('failed', 'failed'), ('cancelled', 'cancelled'))`,
  `SELECT 'I1 a document says what its versions are', d.id || ' ' || d.status FROM dbrag.documents d
   JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version
   WHERE ($1::uuid IS NULL OR d.workspace_id = $1)
     AND d.status <> CASE WHEN d.live_version IS NULL THEN v.status ELSE 'ready' END`,
  `SELECT 'I2 the newest ready version is the live one', d.id::text FROM dbrag.documents d
   WHERE ($1::uuid IS NULL OR d.workspace_id = $1) AND d.live_version IS DISTINCT FROM (
     SELECT max(v.version) FROM dbrag.document_versions v
     WHERE v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.status = 'ready')`,
  `SELECT 'I8 a vector has a chunk', e.document_id::text FROM dbrag.embeddings e
   WHERE ($1::uuid IS NULL OR e.workspace_id = $1) AND NOT EXISTS (
     SELECT FROM dbrag.chunks c
     WHERE c.workspace_id = e.workspace_id AND c.document_id = e.document_id AND c.content_hash = e.content_hash)`,
  // A ready text may still wait to be bought in the primary space.
  `SELECT 'I8 what is still to buy is live', b.document_id::text FROM dbrag.pending_embeddings b
   WHERE ($1::uuid IS NULL OR b.workspace_id = $1) AND NOT EXISTS (
     SELECT FROM dbrag.documents d
     JOIN dbrag.placements p ON p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = d.live_version
     JOIN dbrag.chunks c ON c.workspace_id = d.workspace_id AND c.document_id = d.id AND c.content_hash = p.content_hash
     WHERE d.workspace_id = b.workspace_id AND d.id = b.document_id AND p.content_hash = b.content_hash)`,
  `SELECT 'I8 a removed version has left', v.document_id || ' v' || v.version FROM dbrag.document_versions v
   WHERE ($1::uuid IS NULL OR v.workspace_id = $1) AND v.removed_at IS NOT NULL AND EXISTS (
     SELECT FROM dbrag.placements p
     WHERE p.workspace_id = v.workspace_id AND p.document_id = v.document_id AND p.version = v.version)`,
  `SELECT 'I8 a text stands somewhere, or its version is yet to leave', c.id::text FROM dbrag.chunks c
   WHERE ($1::uuid IS NULL OR c.workspace_id = $1)
     AND NOT EXISTS (
       SELECT FROM dbrag.placements p
       WHERE p.workspace_id = c.workspace_id AND p.document_id = c.document_id AND p.content_hash = c.content_hash)
     AND NOT EXISTS (
       SELECT FROM dbrag.document_versions v
       WHERE v.workspace_id = c.workspace_id AND v.document_id = c.document_id AND v.retired_at IS NOT NULL AND v.removed_at IS NULL)`,
  `SELECT 'I10 a deletion that was acknowledged is done', d.id::text FROM dbrag.documents d
   WHERE ($1::uuid IS NULL OR d.workspace_id = $1) AND d.status = 'deleting'
   UNION ALL SELECT 'I10 a deletion that was acknowledged is done', c.id::text FROM dbrag.collections c
   WHERE ($1::uuid IS NULL OR c.workspace_id = $1) AND c.status = 'deleting'`,
  // Once a vector: texts that left and came again were bought again, so a document that lost some may have paid more than it holds.
  `SELECT 'I7 tokens are metered once a vector', d.id || ' held ' || held.tokens || ' metered ' || metered.tokens
   FROM dbrag.documents d
   CROSS JOIN LATERAL (
     SELECT coalesce(sum(c.token_count), 0) AS tokens FROM dbrag.embeddings e
     JOIN dbrag.chunks c ON c.workspace_id = e.workspace_id AND c.document_id = e.document_id AND c.content_hash = e.content_hash
     WHERE e.workspace_id = d.workspace_id AND e.document_id = d.id) held
   CROSS JOIN LATERAL (
     SELECT coalesce(sum(u.embedding_tokens), 0) AS tokens FROM dbrag.usage_events u
     WHERE u.workspace_id = d.workspace_id AND u.document_id = d.id AND u.embedding_tokens > 0) metered
   WHERE ($1::uuid IS NULL OR d.workspace_id = $1) AND CASE
     WHEN EXISTS (SELECT FROM dbrag.document_versions v
       WHERE v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.removed_at IS NOT NULL)
     THEN metered.tokens < held.tokens ELSE metered.tokens <> held.tokens END`,
  `WITH live AS (
     SELECT DISTINCT c.workspace_id, c.document_id, c.content_hash, c.search FROM dbrag.documents d
     JOIN dbrag.placements p ON p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = d.live_version
     JOIN dbrag.chunks c ON c.workspace_id = d.workspace_id AND c.document_id = d.id AND c.content_hash = p.content_hash
     WHERE $1::uuid IS NULL OR d.workspace_id = $1
   ), counted AS (
     SELECT workspace_id, term, sum(chunks) AS chunks FROM (
       SELECT workspace_id, term, chunks FROM dbrag.term_statistics
       UNION ALL SELECT s.workspace_id, t.term, t.count FROM dbrag.statistics_pending s, unnest(s.terms, s.counts) AS t (term, count)) x
     WHERE $1::uuid IS NULL OR workspace_id = $1 GROUP BY workspace_id, term
   ), real AS (
     SELECT workspace_id, term, count(*) AS chunks FROM (
       SELECT DISTINCT live.workspace_id, live.document_id, live.content_hash, dbrag.term_of(t.lexeme) AS term
       FROM live, unnest(live.search) AS t) x
     GROUP BY workspace_id, term
   )
   SELECT 'S1 terms are counted over what is live', coalesce(r.workspace_id, c.workspace_id) || ' ' || coalesce(r.term, c.term) || ': '
     || coalesce(c.chunks, 0) || ' for ' || coalesce(r.chunks, 0)
   FROM real r FULL JOIN counted c ON c.workspace_id = r.workspace_id AND c.term = r.term
   WHERE coalesce(r.chunks, 0) <> coalesce(c.chunks, 0)`,
  `SELECT 'S2 chunks are counted over what is live', w.id || ': ' || counted.chunks || ' for ' || live.chunks FROM dbrag.workspaces w
   CROSS JOIN LATERAL (
     SELECT coalesce((SELECT s.chunks FROM dbrag.corpus_statistics s WHERE s.workspace_id = w.id), 0)
       + coalesce((SELECT sum(p.chunks) FROM dbrag.statistics_pending p WHERE p.workspace_id = w.id), 0) AS chunks) counted
   CROSS JOIN LATERAL (
     SELECT count(DISTINCT (p.document_id, p.content_hash)) AS chunks FROM dbrag.documents d
     JOIN dbrag.placements p ON p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = d.live_version
     WHERE d.workspace_id = w.id) live
   WHERE ($1::uuid IS NULL OR w.id = $1) AND counted.chunks <> live.chunks`,
];

/** As the superuser, whom no row security binds. A few faults of each kind are named, all kinds are looked for. */
export async function findDatabaseFaults(
  admin: Pick<pg.Client, 'query'>,
  { workspaceId, quiescent = true }: DatabaseCheck = {},
): Promise<readonly Fault[]> {
  const queries = quiescent ? [...always, ...atRest] : always;
  const { rows } = await admin.query<Fault>(statementOfAll(queries), [workspaceId ?? null]);
  return rows;
}

/**
 * I8 of the bucket: every object has a row, and every version that can be asked for has its object.
 * @param youngerThan objects put within so many milliseconds may still wait for their row
 */
export async function findObjectFaults(
  admin: Pick<pg.Client, 'query'>,
  objects: Pick<ObjectStore, 'list'>,
  youngerThan = 0,
): Promise<readonly Fault[]> {
  const keys = new Set<string>();
  const settled: string[] = [];
  for (const prefix of ['content/', 'uploads/']) {
    for (let after: string | undefined; ; ) {
      const listed = await objects.list(prefix, after);
      for (const { key, modifiedAt } of listed) {
        keys.add(key);
        if (Date.now() - modifiedAt.getTime() >= youngerThan) settled.push(key);
      }
      after = listed.at(-1)?.key;
      if (after === undefined) break;
    }
  }
  const { rows: orphans } = await admin.query<{ key: string }>(
    // What lies under no workspace is on the operator's list instead; a sidecar belongs to the file that it labels, an archive to a job.
    `SELECT o.key FROM unnest($1::text[]) AS o (key)
     WHERE o.key !~ '^content/ws_[0-9a-f]{32}/exports/' AND NOT EXISTS (
       SELECT FROM dbrag.document_versions v
       WHERE v.s3_key IN (o.key, regexp_replace(o.key, '\\.metadata\\.json$', '')) AND v.removed_at IS NULL)
     AND NOT EXISTS (SELECT FROM dbrag.rejected_uploads r WHERE r.s3_key = o.key)`,
    [settled],
  );
  const { rows: kept } = await admin.query<{ id: string; s3_key: string }>(
    `SELECT d.id, v.s3_key FROM dbrag.documents d
     JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.live_version
     WHERE d.status <> 'deleting'`,
  );
  return [
    ...orphans.map(({ key }) => ({ invariant: 'I8 an object has a version', subject: key })),
    ...kept
      .filter(({ s3_key: key }) => !keys.has(key))
      .map(({ id, s3_key: key }) => ({ invariant: 'I8 a live version has its object', subject: `${id} ${key}` })),
  ];
}

/** What the checker needs of a Redis client. */
export interface ScannedCache {
  scan(cursor: string | number, ...options: (string | number)[]): Promise<[string, string[]]>;
  ttl(key: string): Promise<number>;
}

/** Longer than any entry may live: what a deleted document leaves in the cache is a vector under a hash, and goes by then. */
const longestSeconds = 86_400;
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** I9 and I14 of the cache: every key names a workspace that exists and leaves by itself within a day. */
export async function findCacheFaults(admin: Pick<pg.Client, 'query'>, cache: ScannedCache): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  const { rows } = await admin.query<{ id: string }>('SELECT id FROM dbrag.workspaces');
  const workspaces = new Set(rows.map(({ id }) => id));
  let cursor = '0';
  do {
    const [next, keys] = await cache.scan(cursor, 'COUNT', 1_000);
    cursor = next;
    for (const key of keys) {
      const workspaceId = uuid.exec(key)?.[0];
      if (workspaceId === undefined || !workspaces.has(workspaceId))
        faults.push({ invariant: 'I9 a key names its workspace', subject: key });
      const seconds = await cache.ttl(key);
      // -2: it went while we looked.
      if (seconds !== -2 && (seconds < 0 || seconds > longestSeconds))
        faults.push({ invariant: 'I14 a key leaves by itself', subject: `${key} ${seconds}` });
    }
  } while (cursor !== '0');
  return faults;
}
