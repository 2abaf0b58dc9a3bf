import type { Database, WorkspaceScope } from '../core/database.ts';

/** A database, and a copy of it as it was at a moment. */
export interface CopyPorts {
  readonly source: Database;
  readonly copy: Database;
  /** UTC. */
  readonly moment: Date;
}

export interface ComparedDocuments {
  /** Alike in every text, place and vector. */
  readonly same: number;
  /** Changed or moved in the source since the moment, or about then: they cannot be compared. */
  readonly changed: number;
  /** Only in the copy, and the source says that they were deleted; also whatever is left of a workspace that is erased meanwhile. */
  readonly deleted: number;
  readonly rows: { readonly placements: number; readonly chunks: number; readonly embeddings: number };
  /** Ids of documents that differ between copy and source although nobody changed them since. */
  readonly differing: readonly string[];
  /** Ids of documents that only the copy has, and of which the source says nothing. */
  readonly extra: readonly string[];
  /** Where to continue, by id; null: the workspace is done. */
  readonly next: string | null;
  /** The source has no such workspace any more, or erases it: there is nothing more to compare. */
  readonly isErased: boolean;
}

/** Documents in a range of ids: after the first, up to the last. */
interface Range {
  readonly from: string;
  readonly to: string;
}

interface Digest {
  readonly id: string;
  /** Another one means that somebody changed the document since, or that the copy is of another time. */
  readonly state: string;
  /** Models of its vectors, with how many there are of each: work moves them without changing the document. */
  readonly models: string | null;
  readonly isDeleting: boolean;
  readonly created: Date;
  /** By whatever makes another state, but for the last steps of a deletion. */
  readonly updated: Date;
  readonly placements: number;
  readonly chunks: number;
  readonly embeddings: number;
  /** Vectors of the model that has most. */
  readonly mostOfModel: number;
  readonly digest: string;
}

/** Transactions that were open at the moment may have written what says that it is older. */
export const unsureMilliseconds = 5 * 60_000;
const documentsAtOnce = 20;
const comparedTables = ['placements', 'chunks', 'embeddings'] as const;
const ends = { first: '00000000-0000-0000-0000-000000000000', last: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
const half = (bytes: string): string => `('x' || substr(md5(${bytes}), 1, 15))::bit(60)::bigint`;

/**
 * Of each document in a range of ids, what its live version is made of: numbers of rows, and sums of digests over them, in whatever order. Vectors
 * move to another model without anybody changing the document, so the models are told besides its state.
 */
const digests = `
  SELECT d.id, d.created_at AS created, d.updated_at AS updated, d.status = 'deleting' AS "isDeleting",
    concat_ws(' ', d.status, d.version, d.live_version, extract(epoch FROM d.updated_at)) AS state, e.models,
    p.n::int AS placements, c.n::int AS chunks, coalesce(e.n, 0)::int AS embeddings, coalesce(e.most, 0)::int AS "mostOfModel",
    concat_ws(' ', md5(concat_ws(' ', d.name, d.source_uri, d.metadata)), p.sum, c.sum, e.sum) AS digest
  FROM dbrag.documents d
  CROSS JOIN LATERAL (
    SELECT count(*) AS n, sum(${half(`concat_ws(' ', ordinal, encode(content_hash, 'hex'), location)`)}) AS sum FROM dbrag.placements
    WHERE workspace_id = $1 AND document_id = d.id AND version = d.live_version) p
  CROSS JOIN LATERAL (
    SELECT count(*) AS n, sum(${half('c.text')}) AS sum FROM dbrag.chunks c
    WHERE c.workspace_id = $1 AND c.document_id = d.id AND EXISTS (
      SELECT FROM dbrag.placements l WHERE l.workspace_id = $1 AND l.document_id = d.id AND l.version = d.live_version
        AND l.content_hash = c.content_hash)) c
  CROSS JOIN LATERAL (
    SELECT sum(n) AS n, max(n) AS most, sum(sum) AS sum, string_agg(model || ' ' || n, ' ' ORDER BY model) AS models FROM (
      SELECT model, count(*) AS n, sum(${half('halfvec_send(e.embedding)')}) AS sum FROM dbrag.embeddings e
      WHERE e.workspace_id = $1 AND e.document_id = d.id AND EXISTS (
        SELECT FROM dbrag.placements l WHERE l.workspace_id = $1 AND l.document_id = d.id AND l.version = d.live_version
          AND l.content_hash = e.content_hash)
      GROUP BY model) AS by_model) e
  WHERE d.workspace_id = $1 AND d.id > $2 AND d.id <= $3`;

/**
 * Holds a workspace's documents in a copy of the database against the database itself, newest first, as far as there is time: whatever nobody
 * has changed since the moment of the copy must be there, text for text and vector for vector.
 * @param upTo where the call before ended
 */
export async function compareDocuments(
  ports: CopyPorts,
  workspaceId: string,
  upTo: string | null,
  hasTime: () => boolean,
): Promise<ComparedDocuments> {
  const { source, copy } = ports;
  const scope: WorkspaceScope = { workspaceId };
  const differing: string[] = [];
  const extra: string[] = [];
  const rows = { placements: 0, chunks: 0, embeddings: 0 };
  let [same, changed, deleted, to] = [0, 0, 0, upTo ?? ends.last];
  const found = (next: string | null, isErasedMeanwhile: boolean): ComparedDocuments => ({
    ...{ same, changed, deleted, rows, differing, extra },
    next,
    isErased: isErasedMeanwhile,
  });
  do {
    // What leaves is not compared page by page: the source would say that all the rest is one page.
    if (await isErased(source, workspaceId)) {
      deleted += await countUpTo(copy, scope, to);
      return found(null, true);
    }
    const from = await beginOfPage(source, scope, to);
    const page = await comparePage(ports, scope, { from, to });
    // The erasure may have begun while the page was read: it is counted as the rest is.
    if (page.differing.length + page.extra.length > 0 && (await isErased(source, workspaceId))) continue;
    same += page.same;
    changed += page.changed;
    deleted += page.deleted;
    for (const table of comparedTables) rows[table] += page.rows[table];
    differing.push(...page.differing);
    extra.push(...page.extra);
    to = from;
  } while (to !== ends.first && hasTime());
  return found(to === ends.first ? null : to, false);
}

/** Whether a workspace has left the source, or is leaving it: then documents go, and parts of them go before. */
export async function isErased(source: Database, workspaceId: string): Promise<boolean> {
  const { count } = await source.inWorkspace({ workspaceId }, (db) =>
    db.query(`SELECT FROM dbrag.workspaces WHERE id = $1 AND status <> 'deleting'`, [workspaceId]),
  );
  return count === 0;
}

async function countUpTo(copy: Database, scope: WorkspaceScope, to: string): Promise<number> {
  const { rows } = await copy.inWorkspace(scope, (db) =>
    db.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM dbrag.documents WHERE workspace_id = $1 AND id <= $2',
      [scope.workspaceId, to],
    ),
  );
  return rows[0]?.count ?? 0;
}

async function comparePage(
  { source, copy, moment }: CopyPorts,
  scope: WorkspaceScope,
  { from, to }: Range,
): Promise<Omit<ComparedDocuments, 'next' | 'isErased'>> {
  const sure = moment.getTime() - unsureMilliseconds;
  const read = (database: Database) =>
    database.inWorkspace(scope, async (db) => (await db.query<Digest>(digests, [scope.workspaceId, from, to])).rows);
  const [here, there] = await Promise.all([read(source), read(copy)]);
  const copied = new Map(there.map((each) => [each.id, each]));
  const differing: string[] = [];
  const rows = { placements: 0, chunks: 0, embeddings: 0 };
  let [same, changed] = [0, 0];
  for (const one of here) {
    const other = copied.get(one.id);
    copied.delete(one.id);
    const outcome = outcomeOf(one, other, sure);
    if (outcome === 'differing') differing.push(one.id);
    else if (outcome === 'changed') changed += 1;
    else {
      same += 1;
      for (const table of comparedTables) rows[table] += one[table];
    }
  }
  const gone = [...copied.keys()];
  const known = await deletedSince({ source, copy }, scope, gone);
  const extra = gone.filter((id) => !known.has(id));
  return { same, changed, deleted: known.size, rows, differing, extra };
}

/** @param sure what happened until then must be in the copy, in milliseconds since 1970 */
function outcomeOf(one: Digest, other: Digest | undefined, sure: number): 'same' | 'changed' | 'differing' {
  if (!other) return one.created.getTime() <= sure ? 'differing' : 'changed';
  const isSure = one.updated.getTime() <= sure && !one.isDeleting;
  if (one.state !== other.state) return isSure ? 'differing' : 'changed';
  // At every moment, each live text has a vector of some model: so there were at least as many as a model that is complete has now.
  if (one.models !== other.models) return isSure && other.embeddings < one.mostOfModel ? 'differing' : 'changed';
  return one.digest === other.digest ? 'same' : 'differing';
}

async function beginOfPage(source: Database, scope: WorkspaceScope, to: string): Promise<string> {
  const { rows } = await source.inWorkspace(scope, (db) =>
    db.query<{ id: string }>(
      'SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND id <= $2 ORDER BY id DESC OFFSET $3 LIMIT 1',
      [scope.workspaceId, to, documentsAtOnce],
    ),
  );
  return rows[0]?.id ?? ends.first;
}

/** Documents of the copy that the source has deleted: alone, or with their collection. Jobs say so, and they are never removed. */
async function deletedSince(
  { source, copy }: Pick<CopyPorts, 'source' | 'copy'>,
  scope: WorkspaceScope,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows: collections } = await copy.inWorkspace(scope, (db) =>
    db.query<{ id: string; collection_id: string }>(
      'SELECT id, collection_id FROM dbrag.documents WHERE workspace_id = $1 AND id = ANY($2::uuid[])',
      [scope.workspaceId, ids],
    ),
  );
  const { rows } = await source.inWorkspace(scope, (db) =>
    db.query<{ id: string }>(
      `SELECT d.id FROM unnest($2::uuid[], $3::uuid[]) AS d (id, collection_id)
       WHERE EXISTS (SELECT FROM dbrag.jobs j WHERE j.workspace_id = $1 AND j.type = 'delete' AND j.document_id = d.id)
         OR EXISTS (SELECT FROM dbrag.jobs j WHERE j.workspace_id = $1 AND j.type = 'delete' AND j.document_id IS NULL
           AND j.collection_id = d.collection_id)`,
      [scope.workspaceId, collections.map(({ id }) => id), collections.map((each) => each.collection_id)],
    ),
  );
  return new Set(rows.map(({ id }) => id));
}
