/**
 * A condition that narrows a statement to some rows, by the columns of a workspace (null: whatever the workspace) and of a document. A statement's text
 * holds it, and not a parameter that may be null: the plan would be that of all rows.
 */
export type Narrowing = (workspace: string | null, document: string) => string;

/** Invariants of documents that hold at every moment: each statement returns rows (invariant, subject) where one is violated. */
export function structureStatements(only: Narrowing): readonly string[] {
  return [
    `SELECT 'I1 a failure has a code', v.document_id || ' v' || v.version FROM dbrag.document_versions v
     WHERE ${only('v.workspace_id', 'v.document_id')} AND v.status = 'failed' AND coalesce(v.error ->> 'code', '') = ''`,
    `SELECT 'I2 the live version is complete in its placements', d.id::text FROM dbrag.documents d
     JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.live_version
     LEFT JOIN LATERAL (
       SELECT count(*) AS n, count(DISTINCT ordinal) AS distinct_n, min(ordinal) AS lowest, max(ordinal) AS highest
       FROM dbrag.placements p WHERE p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = v.version) x ON true
     WHERE ${only('d.workspace_id', 'd.id')} AND d.status <> 'deleting'
       AND (v.chunks <> x.n OR x.distinct_n <> x.n OR (x.n > 0 AND (x.lowest <> 0 OR x.highest <> x.n - 1)))`,
    `SELECT 'I2 a live version is ready', d.id::text FROM dbrag.documents d
     LEFT JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.live_version
     WHERE ${only('d.workspace_id', 'd.id')} AND d.live_version IS NOT NULL AND d.status <> 'deleting'
       AND (v.status IS DISTINCT FROM 'ready' OR v.retired_at IS NOT NULL OR v.removed_at IS NOT NULL)`,
    `SELECT 'I2 what is placed is there', p.document_id || ' v' || p.version || ' #' || p.ordinal FROM dbrag.placements p
     WHERE ${only('p.workspace_id', 'p.document_id')} AND NOT EXISTS (
       SELECT FROM dbrag.chunks c
       WHERE c.workspace_id = p.workspace_id AND c.document_id = p.document_id AND c.content_hash = p.content_hash)`,
    // Of any model: while the primary space heals, a text may be known in the fallback's alone.
    `SELECT 'I2 what is live has a vector', p.document_id || ' #' || p.ordinal FROM dbrag.documents d
     JOIN dbrag.placements p ON p.workspace_id = d.workspace_id AND p.document_id = d.id AND p.version = d.live_version
     WHERE ${only('d.workspace_id', 'd.id')} AND d.status <> 'deleting' AND NOT EXISTS (
       SELECT FROM dbrag.embeddings e
       WHERE e.workspace_id = p.workspace_id AND e.document_id = p.document_id AND e.content_hash = p.content_hash)`,
    `SELECT 'I8 a chunk has a document', c.document_id::text FROM dbrag.chunks c
     WHERE ${only('c.workspace_id', 'c.document_id')}
       AND NOT EXISTS (SELECT FROM dbrag.documents d WHERE d.workspace_id = c.workspace_id AND d.id = c.document_id)`,
  ];
}

/** The same of what takes reading each text and each vector. */
export function contentStatements(only: Narrowing): readonly string[] {
  const rows = (name: string, table: string): string =>
    `SELECT '${name}' AS name, document_id, workspace_id, collection_id FROM dbrag.${table} WHERE ${only(null, 'document_id')}`;
  return [
    `SELECT 'I2 a vector has unit length', e.document_id || ' ' || e.model FROM dbrag.embeddings e
     WHERE ${only('e.workspace_id', 'e.document_id')} AND NOT coalesce(l2_norm(e.embedding) BETWEEN 0.99 AND 1.01, false)`,
    `SELECT 'I2 a text is what its hash says', c.id::text FROM dbrag.chunks c
     WHERE ${only('c.workspace_id', 'c.document_id')} AND sha256(convert_to(c.text, 'UTF8')) <> c.content_hash`,
    `SELECT 'I9 all rows of a document name its workspace and collection', x.name || ' ' || x.document_id FROM dbrag.documents d
     JOIN (${rows('version', 'document_versions')}
           UNION ALL ${rows('placement', 'placements')}
           UNION ALL ${rows('chunk', 'chunks')}
           UNION ALL ${rows('embedding', 'embeddings')}
           UNION ALL ${rows('pending', 'pending_embeddings')}) x
       ON x.document_id = d.id AND (x.workspace_id, x.collection_id) IS DISTINCT FROM (d.workspace_id, d.collection_id)
     WHERE ${only('d.workspace_id', 'd.id')}`,
  ];
}

/** One statement of several: a few rows of each kind, and every kind is looked at. */
export function statementOfAll(statements: readonly string[]): string {
  return statements
    .map((statement) => `(SELECT * FROM (${statement}) AS found (invariant, subject) LIMIT 5)`)
    .join('\nUNION ALL\n');
}
