-- How often terms occur in what is live, per workspace: what BM25 weighs a question's words with.
--
-- Why a pending table: a swap that moved the counters itself serialised all writers of a workspace on the same few rows (126
-- documents a second with four writers, and deadlocks when unsorted). A swap only leaves its difference here; a fold adds the
-- differences up, terms sorted, at most every two seconds. Exact when nothing is pending.

CREATE TABLE dbrag.term_statistics (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  term integer NOT NULL,
  chunks bigint NOT NULL,
  PRIMARY KEY (workspace_id, term)
);
COMMENT ON COLUMN dbrag.term_statistics.term IS 'Hash of the lexeme: an index of chunks.terms';
CALL dbrag.isolate_by_workspace('dbrag.term_statistics');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.term_statistics TO dbrag_app;

CREATE TABLE dbrag.corpus_statistics (
  workspace_id uuid PRIMARY KEY REFERENCES dbrag.workspaces (id),
  chunks bigint NOT NULL DEFAULT 0,
  tokens bigint NOT NULL DEFAULT 0,
  folded_at timestamptz
);
COMMENT ON COLUMN dbrag.corpus_statistics.tokens IS 'Lexemes of all live chunks: tokens / chunks is the average length';
CALL dbrag.isolate_by_workspace('dbrag.corpus_statistics');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.corpus_statistics TO dbrag_app;

CREATE TABLE dbrag.statistics_pending (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL DEFAULT dbrag.new_uuid(),
  chunks integer NOT NULL,
  tokens bigint NOT NULL,
  terms integer[] NOT NULL,
  counts integer[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  CHECK (cardinality(terms) = cardinality(counts))
);
COMMENT ON TABLE dbrag.statistics_pending IS 'Differences left by swaps and deletes, not folded yet; counts may be negative';
CALL dbrag.isolate_by_workspace('dbrag.statistics_pending');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.statistics_pending TO dbrag_app;
