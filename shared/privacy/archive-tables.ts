/** A table of an archive: one line of JSON a row. */
export interface ArchiveTable {
  readonly table: string;
  /** Columns that leave it out: secrets, and what only we need. */
  readonly without?: readonly string[];
  readonly order: string;
  /** Which rows are a subject's, by `$subject`; absent: none of this table are. */
  readonly ofSubject?: string;
}

/** Rows that an archive holds. Vectors and statistics are left out: they are made of the texts, and say nothing else. */
export const archiveTables: readonly ArchiveTable[] = [
  { table: 'workspaces', order: 'id' },
  { table: 'members', order: 'issuer, subject' },
  { table: 'api_keys', without: ['hash'], order: 'id' },
  { table: 'subjects', order: 'id', ofSubject: 'id = $subject' },
  { table: 'collections', order: 'id' },
  { table: 'documents', order: 'id' },
  { table: 'document_versions', order: 'document_id, version' },
  { table: 'placements', order: 'document_id, version, ordinal' },
  { table: 'chunks', without: ['search', 'terms', 'weights'], order: 'document_id, content_hash' },
  { table: 'connections', without: ['secret_name'], order: 'id' },
  { table: 'catalog_tables', without: ['embedding'], order: 'connection_id, schema_name, table_name' },
  { table: 'sql_examples', without: ['embedding'], order: 'connection_id, id' },
  { table: 'sql_terms', without: ['embedding'], order: 'connection_id, id' },
  { table: 'jobs', order: 'id' },
  { table: 'conversations', order: 'created_at, id', ofSubject: 'subject_id = $subject' },
  {
    table: 'messages',
    order: 'created_at, id',
    ofSubject:
      '(subject_id = $subject OR conversation_id IN (SELECT id FROM dbrag.conversations WHERE workspace_id = $workspace AND subject_id = $subject))',
  },
  { table: 'queries', order: 'created_at, id', ofSubject: 'subject_id = $subject' },
  { table: 'usage_events', order: 'at, id', ofSubject: 'subject_id = $subject' },
  { table: 'usage_daily', order: 'day', ofSubject: 'subject_id = $subject' },
  { table: 'audit_events', order: 'at, id', ofSubject: 'holder = $subject' },
];

/** Tables that carry a workspace and are in no archive, and why. */
export const unarchivedTables: Readonly<Record<string, string>> = {
  connection_secrets: 'names of passwords, which nobody is shown',
  embeddings: 'made of chunks',
  pending_embeddings: 'work that is still to do',
  pending_announcements: 'work that is still to do',
  statistics_pending: 'made of chunks',
  term_statistics: 'made of chunks',
  corpus_statistics: 'made of chunks',
  idempotency_keys: 'answers that stand elsewhere, for a day',
  tombstones: 'names of objects that are gone',
  rate_windows: 'counts of the last minutes',
  stored_changes: 'counts of what is stored',
  token_reservations: 'what is being spent right now',
  open_streams: 'streams that are open right now',
  audit_chains: 'hashes of audit_events',
  audit_seals: 'hashes of audit_events',
  audit_keys: 'keys: what they read is in audit_events, opened',
};
