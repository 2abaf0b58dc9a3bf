-- What people know of their data and the catalog cannot say: questions with the SQL that answers them, and business words with the SQL
-- that they mean. Both are found by similarity and shown to the model that writes SQL.

CREATE TABLE dbrag.sql_examples (
  workspace_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  id uuid NOT NULL,
  question text NOT NULL,
  sql text NOT NULL,
  embedding halfvec(${dimensions}),
  embedding_model text,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, connection_id, id),
  FOREIGN KEY (workspace_id, connection_id) REFERENCES dbrag.connections (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN dbrag.sql_examples.embedding IS 'Of the question; null until the model could be asked';
CREATE INDEX sql_examples_newest ON dbrag.sql_examples (workspace_id, connection_id, created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.sql_examples');
CALL dbrag.narrow_to_connections('dbrag.sql_examples');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.sql_examples TO dbrag_app;

CREATE TABLE dbrag.sql_terms (
  workspace_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  id uuid NOT NULL,
  term text NOT NULL,
  sql text NOT NULL,
  description text,
  embedding halfvec(${dimensions}),
  embedding_model text,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, connection_id, id),
  FOREIGN KEY (workspace_id, connection_id) REFERENCES dbrag.connections (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN dbrag.sql_terms.embedding IS 'Of term and description; null until the model could be asked';
CREATE INDEX sql_terms_newest ON dbrag.sql_terms (workspace_id, connection_id, created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.sql_terms');
CALL dbrag.narrow_to_connections('dbrag.sql_terms');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.sql_terms TO dbrag_app;
